import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessUtils;
import org.apache.flink.runtime.jobmanager.JobManagerProcessUtils;

/**
 * Prints what Flink does not know of a folder's config.yaml, a line each: keys, values, sizes.
 *
 * <p>Arguments: the folder, and flink-dist's jar.
 */
public final class FlinkKeys {
  private FlinkKeys() {}

  public static void main(String[] arguments) throws Exception {
    Map<String, ConfigOption<?>> options = options(arguments[1]);
    Configuration configuration = GlobalConfiguration.loadConfiguration(arguments[0]);
    for (String key : new TreeSet<>(configuration.keySet())) {
      ConfigOption<?> option = options.get(key);
      if (option == null) {
        // A reporter's name is the user's.
        if (!key.startsWith("metrics.reporter.")) {
          System.out.println("unknown key " + key);
        }
        continue;
      }
      try {
        configuration.get(option);
      } catch (IllegalArgumentException error) {
        System.out.println("wrong value of " + key + ": " + error.getMessage());
      }
    }
    try {
      TaskExecutorProcessUtils.processSpecFromConfig(configuration);
      JobManagerProcessUtils.processSpecFromConfigWithNewOptionToInterpretLegacyHeap(
          configuration, JobManagerOptions.JVM_HEAP_MEMORY);
    } catch (RuntimeException error) {
      System.out.println("memory does not fit: " + error.getMessage());
    }
    System.out.println("options known: " + options.size());
  }

  /** All options that stand in a class named ...Options, under their present names. */
  private static Map<String, ConfigOption<?>> options(String jar) throws Exception {
    Map<String, ConfigOption<?>> found = new HashMap<>();
    try (JarFile file = new JarFile(jar)) {
      for (JarEntry entry : Collections.list(file.entries())) {
        String name = entry.getName();
        if (!name.matches("org/apache/flink/.*(Options|Configuration)\\.class")) {
          continue;
        }
        Class<?> type;
        try {
          type = Class.forName(name.replace('/', '.').replaceAll("\\.class$", ""));
        } catch (LinkageError error) {
          // Of what is not on the class path, such as Hadoop.
          continue;
        }
        for (Field field : type.getDeclaredFields()) {
          if (Modifier.isStatic(field.getModifiers())
              && ConfigOption.class.isAssignableFrom(field.getType())) {
            field.setAccessible(true);
            ConfigOption<?> option = (ConfigOption<?>) field.get(null);
            found.put(option.key(), option);
          }
        }
      }
    }
    return found;
  }
}
