package encryption;

import com.google.gson.JsonObject;
import java.util.Arrays;
import java.util.Base64;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** The form {@code keyVersion#base64(IV, ciphertext, tag)}, by javax.crypto. */
final class PlatformFields {
  private static final int IV_BYTES = 16;
  private static final int TAG_BITS = 128;

  static String sealed(JsonObject keys, String version, byte[] iv, byte[] plain)
      throws Exception {
    byte[] text = cipher(keys, version, Cipher.ENCRYPT_MODE, iv).doFinal(plain);
    byte[] whole = Arrays.copyOf(iv, IV_BYTES + text.length);
    System.arraycopy(text, 0, whole, IV_BYTES, text.length);
    return version + "#" + Base64.getEncoder().encodeToString(whole);
  }

  static byte[] opened(JsonObject keys, String text) throws Exception {
    int hash = text.indexOf('#');
    byte[] whole = Base64.getDecoder().decode(text.substring(hash + 1));
    byte[] iv = Arrays.copyOf(whole, IV_BYTES);
    return cipher(keys, text.substring(0, hash), Cipher.DECRYPT_MODE, iv)
        .doFinal(whole, IV_BYTES, whole.length - IV_BYTES);
  }

  private static Cipher cipher(JsonObject keys, String version, int mode, byte[] iv)
      throws Exception {
    String key = keys.getAsJsonObject("platform").getAsJsonObject("keys").get(version).getAsString();
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(
        mode,
        new SecretKeySpec(Base64.getDecoder().decode(key), "AES"),
        new GCMParameterSpec(TAG_BITS, iv));
    return cipher;
  }
}
