package kamiflow.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * Runs Flink SQL scripts one after the other on one MiniCluster, so that all but the first find a
 * JVM that is warm.
 *
 * <p>Arguments: settings of the jobs, NAME=VALUE. Commands come as lines, words separated by tabs:
 *
 * <pre>
 * run     SCRIPT    answers when the script's INSERT has ended
 * start   SCRIPT    answers when it was submitted
 * cancel            ends what was started
 * quit
 * </pre>
 *
 * <p>Each is answered by a line that begins with "= ": "done SECONDS CPU_SECONDS" (of the whole
 * process), "started", "cancelled", or "failed MESSAGE".
 */
public final class FlinkSql {
  private final MiniCluster cluster;
  private final Configuration settings;
  private JobClient started;

  private FlinkSql(MiniCluster cluster, Configuration settings) {
    this.cluster = cluster;
    this.settings = settings;
  }

  public static void main(String[] arguments) throws Exception {
    Configuration settings = new Configuration();
    for (String setting : arguments) {
      String[] words = setting.split("=", 2);
      settings.setString(words[0], words[1]);
    }
    Configuration forCluster = new Configuration(settings);
    forCluster.setString("rest.address", "127.0.0.1");
    forCluster.setString("rest.bind-address", "127.0.0.1");
    forCluster.setString("rest.bind-port", "0");
    MiniClusterConfiguration configuration =
        new MiniClusterConfiguration.Builder()
            .setConfiguration(forCluster)
            .setNumTaskManagers(1)
            .setNumSlotsPerTaskManager(1)
            .build();
    try (MiniCluster cluster = new MiniCluster(configuration)) {
      cluster.start();
      new FlinkSql(cluster, settings).serve();
    }
    System.exit(0);
  }

  private void serve() throws Exception {
    say("ready");
    BufferedReader commands =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split("\t");
      if (words[0].equals("quit")) {
        return;
      }
      try {
        say(answer(words));
      } catch (Throwable error) {
        error.printStackTrace();
        say("failed " + deepest(error));
      }
    }
  }

  private String answer(String[] words) throws Exception {
    switch (words[0]) {
      case "run":
        long began = System.nanoTime();
        long cpu = cpuNanos();
        submit(words[1]).await();
        return String.format(
            Locale.ROOT,
            "done %.3f %.3f",
            (System.nanoTime() - began) / 1e9,
            (cpuNanos() - cpu) / 1e9);
      case "start":
        started = submit(words[1]).getJobClient().orElseThrow();
        return "started";
      case "cancel":
        started.cancel().get(60, TimeUnit.SECONDS);
        return "cancelled";
      default:
        return "failed unknown command " + words[0];
    }
  }

  /** Runs a script whose last statement is an INSERT; statements end with ";" at a line's end. */
  private TableResult submit(String script) throws Exception {
    java.net.URI rest = cluster.getRestAddress().get();
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createRemoteEnvironment(
            rest.getHost(), rest.getPort(), settings);
    environment.setParallelism(1);
    StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
    TableResult last = null;
    for (String statement : Files.readString(Path.of(script)).split(";\\s*(\\n|$)")) {
      if (!statement.isBlank()) {
        last = tables.executeSql(statement);
      }
    }
    if (last == null || last.getJobClient().isEmpty()) {
      throw new IllegalArgumentException(script + " does not end with an INSERT");
    }
    return last;
  }

  private static long cpuNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static String deepest(Throwable error) {
    Throwable cause = error;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    return cause.toString().replace('\n', ' ');
  }

  private static void say(String answer) {
    System.out.println("= " + answer);
    System.out.flush();
  }
}
