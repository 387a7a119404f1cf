package kamiflow;

import org.apache.beam.sdk.io.kafka.KafkaRecord;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.joda.time.Duration;
import org.joda.time.Instant;

/**
 * Groups the records of a bundle into batches (see {@link RecordColumns}).
 *
 * <p>What is left at the end of a bundle leaves with it: a batch that waited for the next bundle
 * would be lost with the worker, after the checkpoint has passed its offsets.
 */
final class BatchRecords extends DoFn<KafkaRecord<byte[], byte[]>, byte[]> {
  private final long batchSize;
  private final long batchBytes;

  private transient RecordColumns columns;
  private transient Instant earliest;

  BatchRecords(long batchSize, long batchBytes) {
    this.batchSize = batchSize;
    this.batchBytes = batchBytes;
  }

  @StartBundle
  public void startBundle() {
    if (columns == null) {
      columns = new RecordColumns();
    }
    clear();
  }

  @ProcessElement
  public void processElement(
      @Element KafkaRecord<byte[], byte[]> record,
      @Timestamp Instant timestamp,
      OutputReceiver<byte[]> output) {
    columns.add(record);
    if (timestamp.isBefore(earliest)) {
      earliest = timestamp;
    }
    if (columns.rows() >= batchSize || columns.bytes() >= batchBytes) {
      output.outputWithTimestamp(columns.encode(), earliest);
      clear();
    }
  }

  @FinishBundle
  public void finishBundle(FinishBundleContext context) {
    if (columns.rows() > 0) {
      context.output(columns.encode(), earliest, GlobalWindow.INSTANCE);
    }
    clear();
  }

  /** A batch has the time of its earliest record, which may lie before that of its last. */
  @Override
  @SuppressWarnings("deprecation")
  public Duration getAllowedTimestampSkew() {
    return Duration.millis(Long.MAX_VALUE);
  }

  private void clear() {
    columns.clear();
    earliest = BoundedWindow.TIMESTAMP_MAX_VALUE;
  }
}
