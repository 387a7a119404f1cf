package kamiflow;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A consumer that says after a while that there are no more records, for now.
 *
 * <p>KafkaIO works on a partition until it has waited one second for records in all, and hands over
 * what it has only then. Records that trickle in would be a second old, for each partition in turn;
 * and a backlog would be one bundle as long as it lasts, without a checkpoint in between, while
 * other partitions wait.
 */
final class BriefConsumer extends KafkaConsumer<byte[], byte[]> {
  private static final long WAIT_NANOSECONDS = Duration.ofMillis(100).toNanos();
  // In all, from the first records on: they leave when it is over.
  private static final long LINGER_NANOSECONDS = Duration.ofMillis(20).toNanos();
  private static final long TURN_NANOSECONDS = Duration.ofMillis(500).toNanos();

  private long began;
  private long waited;
  private long mayWait = WAIT_NANOSECONDS;
  private boolean found;

  BriefConsumer(Map<String, Object> config) {
    super(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** KafkaIO seeks when it begins to work on a partition. */
  @Override
  public void seek(TopicPartition partition, long offset) {
    began = System.nanoTime();
    waited = 0;
    mayWait = WAIT_NANOSECONDS;
    found = false;
    super.seek(partition, offset);
  }

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    long now = System.nanoTime();
    long left = Math.min(timeout.toNanos(), mayWait - waited);
    if (left <= 0 || now - began > TURN_NANOSECONDS) {
      return ConsumerRecords.empty();
    }
    ConsumerRecords<byte[], byte[]> records = super.poll(Duration.ofNanos(left));
    waited += System.nanoTime() - now;
    if (!found && !records.isEmpty()) {
      found = true;
      mayWait = waited + LINGER_NANOSECONDS;
    }
    return records;
  }
}
