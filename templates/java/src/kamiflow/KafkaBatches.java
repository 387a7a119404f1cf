package kamiflow;

import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.expansion.ExternalTransformRegistrar;
import org.apache.beam.sdk.io.kafka.CustomTimestampPolicyWithLimitedDelay;
import org.apache.beam.sdk.io.kafka.KafkaIO;
import org.apache.beam.sdk.transforms.ExternalTransformBuilder;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollection;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.joda.time.Duration;
import org.joda.time.Instant;

/** Reads Kafka with KafkaIO and hands over batches of records, each one element of bytes. */
public final class KafkaBatches extends PTransform<PBegin, PCollection<byte[]>> {
  private final Config config;

  KafkaBatches(Config config) {
    this.config = config;
  }

  @Override
  public PCollection<byte[]> expand(PBegin begin) {
    KafkaIO.Read<byte[], byte[]> read =
        KafkaIO.<byte[], byte[]>read()
            .withConsumerConfigUpdates(new HashMap<>(config.consumerConfig))
            .withKeyDeserializer(ByteArrayDeserializer.class)
            .withValueDeserializer(ByteArrayDeserializer.class)
            .withConsumerPollingTimeout(config.pollSeconds);
    read =
        config.topicPattern == null
            ? read.withTopics(config.topics)
            : read.withTopicPattern(config.topicPattern);
    if (config.startMilliseconds != null) {
      read = read.withStartReadTime(Instant.ofEpochMilli(config.startMilliseconds));
    }
    // A read that ends never seeks again: it would be told for ever that there are no records.
    read =
        config.stopAfter == null
            ? read.withConsumerFactoryFn(BriefConsumer::new)
            : read.withMaxNumRecords(config.stopAfter);
    if (config.discoverySeconds != null) {
      read = read.withDynamicRead(Duration.standardSeconds(config.discoverySeconds));
    }
    if (config.watermarkDelayMilliseconds != null) {
      Duration delay = Duration.millis(config.watermarkDelayMilliseconds);
      // Of KafkaIO's own policies each takes one type of timestamps, and fails for the other.
      read =
          read.withTimestampPolicyFactory(
              (partition, watermark) ->
                  new CustomTimestampPolicyWithLimitedDelay<>(
                      record -> Instant.ofEpochMilli(record.getTimestamp()), delay, watermark));
    }
    return begin
        .apply("Read", read)
        .apply("Batch", ParDo.of(new BatchRecords(config.batchSize, config.batchBytes)));
  }

  /** Offers the transform to other languages. */
  public static final class Registrar implements ExternalTransformRegistrar {
    @Override
    public Map<String, ExternalTransformBuilder<?, ?, ?>> knownBuilderInstances() {
      return Map.of("kamiflow:kafka_batches:v1", new Builder());
    }
  }

  /** Makes the transform of its fields. */
  public static final class Builder
      implements ExternalTransformBuilder<Config, PBegin, PCollection<byte[]>> {
    @Override
    public PTransform<PBegin, PCollection<byte[]>> buildExternal(Config config) {
      return new KafkaBatches(config);
    }
  }

  /** The fields that Python sends. */
  public static final class Config implements Serializable {
    private Map<String, String> consumerConfig;
    private List<String> topics; // null: topicPattern counts
    private String topicPattern; // null: topics counts
    private Long startMilliseconds; // null: where consumerConfig says
    private Long stopAfter; // records; null: no end
    private Long pollSeconds;
    private Long discoverySeconds; // null: partitions are looked up once
    private Long watermarkDelayMilliseconds; // null: event time is the clock's
    private Long batchSize;
    private Long batchBytes;

    public void setConsumerConfig(Map<String, String> consumerConfig) {
      this.consumerConfig = consumerConfig;
    }

    public void setTopics(List<String> topics) {
      this.topics = topics;
    }

    public void setTopicPattern(String topicPattern) {
      this.topicPattern = topicPattern;
    }

    public void setStartMilliseconds(Long startMilliseconds) {
      this.startMilliseconds = startMilliseconds;
    }

    public void setStopAfter(Long stopAfter) {
      this.stopAfter = stopAfter;
    }

    public void setPollSeconds(Long pollSeconds) {
      this.pollSeconds = pollSeconds;
    }

    public void setDiscoverySeconds(Long discoverySeconds) {
      this.discoverySeconds = discoverySeconds;
    }

    public void setWatermarkDelayMilliseconds(Long watermarkDelayMilliseconds) {
      this.watermarkDelayMilliseconds = watermarkDelayMilliseconds;
    }

    public void setBatchSize(Long batchSize) {
      this.batchSize = batchSize;
    }

    public void setBatchBytes(Long batchBytes) {
      this.batchBytes = batchBytes;
    }
  }
}
