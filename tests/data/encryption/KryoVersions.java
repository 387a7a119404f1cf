package encryption;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * What versions of Kryo write of one value, with references and without; compiled and run with
 * each version.
 *
 * <p>{@code make KEYS VERSION} prints vectors of the form keyVersion#base64. {@code read KEYS
 * VERSION} reads lines of JSON, {"references", "text"}, and prints what each holds.
 */
public final class KryoVersions {
  private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
  private static final String FORM = "platform";

  public static void main(String[] arguments) throws Exception {
    JsonObject keys =
        JsonParser.parseString(Files.readString(Path.of(arguments[1]))).getAsJsonObject();
    if (arguments[0].equals("make")) {
      make(keys, arguments[2]);
    } else {
      read(keys);
    }
  }

  private static void make(JsonObject keys, String version) throws Exception {
    byte counter = 0;
    for (boolean references : new boolean[] {true, false}) {
      for (Object value : values()) {
        byte[] iv = new byte[16];
        // Fixed, so that a new run gives the same vectors; never do so with a real key.
        iv[0] = ++counter;
        iv[1] = (byte) Integer.parseInt(version.substring(0, 1));
        byte[] plain = written(value, references);
        JsonObject vector = FieldValues.told(FORM, value);
        vector.addProperty("version", version);
        vector.addProperty("references", references);
        vector.addProperty("is_default", references == new Kryo().getReferences());
        vector.addProperty("kryo", HexFormat.of().formatHex(plain));
        vector.addProperty("text", PlatformFields.sealed(keys, "2", iv, plain));
        System.out.println(JSON.toJson(vector));
      }
    }
  }

  private static List<Object> values() {
    List<Object> values = new ArrayList<>(FieldValues.values());
    // Around the lengths at which versions change the form of a text.
    values.add("u".repeat(2));
    values.add("u".repeat(62));
    values.add("é".repeat(62));
    values.add("é".repeat(63));
    values.add("\u0001abc");
    values.add("\u0001\u0001");
    values.add(-0.25f);
    values.add((short) 1);
    return values;
  }

  private static void read(JsonObject keys) throws Exception {
    for (String line : new String(System.in.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
      JsonObject given = JsonParser.parseString(line).getAsJsonObject();
      byte[] plain = PlatformFields.opened(keys, given.get("text").getAsString());
      Input input = new Input(plain);
      Object value = kryo(given.get("references").getAsBoolean()).readClassAndObject(input);
      if (input.position() != plain.length) {
        throw new IllegalArgumentException("bytes are left over");
      }
      System.out.println(JSON.toJson(FieldValues.told(FORM, value)));
    }
  }

  private static Kryo kryo(boolean references) {
    Kryo kryo = new Kryo();
    kryo.setRegistrationRequired(false);
    kryo.setReferences(references);
    return kryo;
  }

  private static byte[] written(Object value, boolean references) {
    Output output = new Output(64, -1);
    kryo(references).writeClassAndObject(output, value);
    return output.toBytes();
  }
}
