package encryption;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.google.crypto.tink.Aead;
import com.google.crypto.tink.DeterministicAead;
import com.google.crypto.tink.InsecureSecretKeyAccess;
import com.google.crypto.tink.KeysetHandle;
import com.google.crypto.tink.RegistryConfiguration;
import com.google.crypto.tink.TinkJsonProtoKeysetFormat;
import com.google.crypto.tink.aead.AeadConfig;
import com.google.crypto.tink.daead.DeterministicAeadConfig;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Encrypted fields as Java's libraries write and read them.
 *
 * <p>{@code make KEYS} reads the test keys and prints vectors: every form, every type of value.
 * {@code read KEYS} reads lines of JSON, {"form", "text", ...}, and prints what each holds.
 */
public final class EncryptionVectors {
  private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

  public static void main(String[] arguments) throws Exception {
    AeadConfig.register();
    DeterministicAeadConfig.register();
    JsonObject keys =
        JsonParser.parseString(Files.readString(Path.of(arguments[1]))).getAsJsonObject();
    if (arguments[0].equals("make")) {
      make(keys);
    } else {
      read(keys);
    }
  }

  // ---- making

  private static void make(JsonObject keys) throws Exception {
    List<JsonObject> found = new ArrayList<>();
    JsonObject platform = keys.getAsJsonObject("platform");
    JsonArray tink = keys.getAsJsonArray("kryptonite");
    byte counter = 0;
    for (Object value : FieldValues.values()) {
      for (String version : platform.getAsJsonObject("keys").keySet()) {
        byte[] iv = new byte[16];
        // Fixed, so that a new run gives the same vectors; never do so with a real key.
        iv[0] = ++counter;
        JsonObject vector = FieldValues.told("platform", value);
        vector.addProperty("key", version);
        vector.addProperty("kryo", hex(kryo(value, defaults())));
        vector.addProperty("text", PlatformFields.sealed(keys, version, iv, kryo(value, defaults())));
        found.add(vector);
      }
      for (JsonElement each : tink) {
        String id = each.getAsJsonObject().get("identifier").getAsString();
        for (String format : List.of("k1", "k2")) {
          byte[] plain = kryo(value, registered());
          JsonObject vector = FieldValues.told("kryptonite", value);
          vector.addProperty("key", id);
          vector.addProperty("format", format);
          vector.addProperty("kryo", hex(plain));
          vector.addProperty("text", kryptoniteText(keys, id, format, plain));
          found.add(vector);
        }
      }
    }
    for (String name : List.of("tink_gcm", "tink_siv")) {
      for (Object value : FieldValues.values()) {
        if (value == null || value instanceof java.util.Date) {
          continue;
        }
        byte[] plain =
            value instanceof byte[] bytes
                ? bytes
                : value.toString().getBytes(StandardCharsets.UTF_8);
        JsonObject vector = FieldValues.told(name, value);
        byte[] associated = "items.card_number".getBytes(StandardCharsets.UTF_8);
        vector.addProperty("associated", "items.card_number");
        vector.addProperty("text", base64(sealed(handle(keys.get(name)), plain, associated)));
        found.add(vector);
      }
    }
    for (JsonObject vector : found) {
      System.out.println(JSON.toJson(vector));
    }
  }

  // ---- the three forms

  private static String kryptoniteText(JsonObject keys, String id, String format, byte[] plain)
      throws Exception {
    KeysetHandle handle = handle(kryptoniteKey(keys, id));
    PayloadMetaData meta = new PayloadMetaData();
    meta.version = format;
    meta.algorithmId = isSiv(handle) ? "03" : "02";
    meta.keyId = id;
    byte[] associated =
        (meta.version + meta.algorithmId + meta.keyId).getBytes(StandardCharsets.UTF_8);
    EncryptedField field = new EncryptedField();
    field.metaData = meta;
    field.ciphertext = sealed(handle, plain, associated);
    if (format.equals("k1")) {
      return base64(kryo(field, registered()));
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    whole.write(("k2" + "00" + meta.algorithmId).getBytes(StandardCharsets.UTF_8));
    byte[] name = id.getBytes(StandardCharsets.UTF_8);
    whole.write(name.length);
    whole.write(name);
    whole.write(field.ciphertext);
    return base64(whole.toByteArray());
  }

  private static JsonElement kryptoniteKey(JsonObject keys, String id) {
    for (JsonElement each : keys.getAsJsonArray("kryptonite")) {
      if (each.getAsJsonObject().get("identifier").getAsString().equals(id)) {
        return each.getAsJsonObject().get("material");
      }
    }
    throw new IllegalArgumentException("no key " + id);
  }

  private static KeysetHandle handle(JsonElement keyset) throws Exception {
    return TinkJsonProtoKeysetFormat.parseKeyset(
        JSON.toJson(keyset), InsecureSecretKeyAccess.get());
  }

  private static boolean isSiv(KeysetHandle handle) {
    return handle.getPrimary().getKey() instanceof com.google.crypto.tink.daead.AesSivKey;
  }

  private static byte[] sealed(KeysetHandle handle, byte[] plain, byte[] associated)
      throws Exception {
    return isSiv(handle)
        ? handle
            .getPrimitive(RegistryConfiguration.get(), DeterministicAead.class)
            .encryptDeterministically(plain, associated)
        : handle.getPrimitive(RegistryConfiguration.get(), Aead.class).encrypt(plain, associated);
  }

  private static byte[] opened(KeysetHandle handle, byte[] text, byte[] associated)
      throws Exception {
    return isSiv(handle)
        ? handle
            .getPrimitive(RegistryConfiguration.get(), DeterministicAead.class)
            .decryptDeterministically(text, associated)
        : handle.getPrimitive(RegistryConfiguration.get(), Aead.class).decrypt(text, associated);
  }

  // ---- reading what others wrote

  private static void read(JsonObject keys) throws Exception {
    for (String line : new String(System.in.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
      JsonObject given = JsonParser.parseString(line).getAsJsonObject();
      String form = given.get("form").getAsString();
      String text = given.get("text").getAsString();
      Object value;
      if (form.equals("platform")) {
        value = plain(PlatformFields.opened(keys, text), defaults());
      } else if (form.equals("kryptonite")) {
        value = ofKryptonite(keys, Base64.getDecoder().decode(text));
      } else {
        byte[] associated = given.get("associated").getAsString().getBytes(StandardCharsets.UTF_8);
        byte[] found =
            opened(handle(keys.get(form)), Base64.getDecoder().decode(text), associated);
        value =
            given.get("type").getAsString().equals("byte[]")
                ? found
                : new String(found, StandardCharsets.UTF_8);
      }
      System.out.println(JSON.toJson(FieldValues.told(form, value)));
    }
  }

  private static Object ofKryptonite(JsonObject keys, byte[] whole) throws Exception {
    if (whole[0] != 'k' || whole[1] != '2') {
      EncryptedField field = (EncryptedField) plain(whole, registered());
      PayloadMetaData meta = field.metaData;
      String associated = meta.version + meta.algorithmId + meta.keyId;
      return plain(
          opened(
              handle(kryptoniteKey(keys, meta.keyId)),
              field.ciphertext,
              associated.getBytes(StandardCharsets.UTF_8)),
          registered());
    }
    String algorithm = new String(whole, 4, 2, StandardCharsets.UTF_8);
    int length = whole[6] & 0xff;
    String id = new String(whole, 7, length, StandardCharsets.UTF_8);
    byte[] text = java.util.Arrays.copyOfRange(whole, 7 + length, whole.length);
    byte[] associated = ("k2" + algorithm + id).getBytes(StandardCharsets.UTF_8);
    return plain(opened(handle(kryptoniteKey(keys, id)), text, associated), registered());
  }

  // ---- Kryo

  /** A Kryo as it comes: what is no primitive has its class's name beside it. */
  private static Kryo defaults() {
    Kryo kryo = new Kryo();
    kryo.setRegistrationRequired(false);
    return kryo;
  }

  /** The classes in the order in which kryptonite-for-kafka registers them, as far as they matter. */
  private static Kryo registered() {
    Kryo kryo = new Kryo();
    kryo.setRegistrationRequired(false);
    kryo.register(FieldMetaData.class);
    kryo.register(PayloadMetaData.class);
    kryo.register(EncryptedField.class);
    kryo.register(Struct.class);
    kryo.register(Schema.class);
    kryo.register(SchemaType.class);
    kryo.register(Object.class);
    kryo.register(byte[].class);
    kryo.register(BigDecimal.class);
    for (Class<?> each :
        List.<Class<?>>of(
            List.class,
            ArrayList.class,
            LinkedList.class,
            Map.class,
            HashMap.class,
            LinkedHashMap.class,
            Set.class,
            HashSet.class,
            LinkedHashSet.class,
            java.sql.Date.class,
            java.sql.Time.class,
            java.sql.Timestamp.class)) {
      kryo.register(each);
    }
    return kryo;
  }

  private static byte[] kryo(Object value, Kryo kryo) {
    Output output = new Output(64, -1);
    kryo.writeClassAndObject(output, value);
    return output.toBytes();
  }

  private static Object plain(byte[] bytes, Kryo kryo) {
    Input input = new Input(bytes);
    Object value = kryo.readClassAndObject(input);
    if (!input.end()) {
      throw new IllegalArgumentException("bytes are left over");
    }
    return value;
  }

  /** Stands where kryptonite-for-kafka's class of this name is. */
  static class FieldMetaData {}

  static class Struct {}

  static class Schema {}

  static class SchemaType {}

  static class PayloadMetaData {
    String version;
    String algorithmId;
    String keyId;
  }

  static class EncryptedField {
    PayloadMetaData metaData;
    byte[] ciphertext;
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String hex(byte[] bytes) {
    return java.util.HexFormat.of().formatHex(bytes);
  }
}
