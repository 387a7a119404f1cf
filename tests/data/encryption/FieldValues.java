package encryption;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** The values that vectors are made of, and how they are told in JSON. */
final class FieldValues {
  static List<Object> values() {
    List<Object> values = new ArrayList<>();
    values.add(null);
    for (String text :
        List.of(
            "",
            "a",
            "4111111111111111",
            "\u0001a",
            "x".repeat(32),
            "x".repeat(33),
            "y".repeat(63),
            "y".repeat(64),
            "z".repeat(300),
            "é",
            "naïve café",
            "日本語".repeat(30),
            "😀 and \u0000 and ü",
            "é".repeat(200))) {
      values.add(text);
    }
    for (int number : new int[] {0, 1, -1, 63, 64, -64, -65, 1 << 20, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      values.add(number);
    }
    for (long number :
        new long[] {0, 1, -1, 1L << 33, -(1L << 55), Long.MAX_VALUE, Long.MIN_VALUE}) {
      values.add(number);
    }
    for (double number :
        new double[] {0.0, -0.0, 1.5, -2.25e-300, 0.1, Double.MAX_VALUE, Double.MIN_VALUE}) {
      values.add(number);
    }
    values.add(1.5f);
    values.add(true);
    values.add(false);
    values.add((short) -300);
    values.add((byte) -7);
    values.add(new byte[0]);
    values.add(new byte[] {0, 1, (byte) 0xff, (byte) 0x80});
    values.add(new byte[300]);
    for (long millis : new long[] {0L, 1700000000123L, 253402300799999L, -1L, -62135596800000L}) {
      values.add(new java.util.Date(millis));
    }
    return values;
  }

  static JsonObject told(String form, Object value) {
    JsonObject vector = new JsonObject();
    vector.addProperty("form", form);
    vector.addProperty("type", value == null ? "null" : value.getClass().getTypeName());
    vector.add("value", shown(value));
    return vector;
  }

  private static JsonElement shown(Object value) {
    if (value == null) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof byte[] bytes) {
      return new JsonPrimitive(Base64.getEncoder().encodeToString(bytes));
    }
    if (value instanceof java.util.Date date) {
      return new JsonPrimitive(date.getTime());
    }
    // As text: JSON's numbers lose the sign of 0 and the ends of a long.
    return value instanceof Boolean flag
        ? new JsonPrimitive(flag)
        : new JsonPrimitive(value.toString());
  }
}
