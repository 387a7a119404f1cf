import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says a few things by Flink's own logging. */
public final class FlinkLog {
  private FlinkLog() {}

  public static void main(String[] arguments) {
    Logger logger = LoggerFactory.getLogger("kamiflow.\"quoted\"");
    logger.info("a \"quoted\" \\ text\twith é\nand a second line");
    logger.warn("late");
    logger.error("broken", new IllegalStateException("why \"so\"\nand more"));
    logger.debug("not shown");
    LoggerFactory.getLogger("org.apache.kafka.clients.Metadata").info("not shown");
  }
}
