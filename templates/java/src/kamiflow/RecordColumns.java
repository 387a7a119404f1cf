package kamiflow;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.apache.beam.sdk.io.kafka.KafkaRecord;
import org.apache.beam.sdk.io.kafka.KafkaTimestampType;
import org.apache.kafka.common.header.Header;

/**
 * Kafka records as the buffers of Arrow arrays, one array a column, in one array of bytes.
 *
 * <p>The reader needs no decoding: it points Arrow arrays into the bytes. Layout, little endian:
 * the number of rows, the number of headers and the number of buffers (int64 each), the length of
 * each buffer in bytes (int64 each), then the buffers, each from a multiple of eight. The buffers'
 * order is that of {@link #encode}. Arrow's Java library would need doors of the JDK opened on
 * every worker's command line.
 */
final class RecordColumns {
  private final Variable topic = new Variable();
  private final Fixed partition = new Fixed();
  private final Fixed offset = new Fixed();
  private final Fixed timestamp = new Fixed();
  private final Bits hasTimestamp = new Bits();
  private final Fixed headersEnd = new Fixed();
  private final Variable headerKey = new Variable();
  private final Variable headerValue = new Variable();
  private final Variable key = new Variable();
  private final Variable value = new Variable();

  private int rows;
  private int headers;
  private long bytes;

  private String lastTopic;
  private byte[] lastTopicBytes;

  RecordColumns() {
    clear();
  }

  int rows() {
    return rows;
  }

  /** Bytes of keys, values and headers so far. */
  long bytes() {
    return bytes;
  }

  void clear() {
    rows = 0;
    headers = 0;
    bytes = 0;
    for (Variable column : new Variable[] {topic, headerKey, headerValue, key, value}) {
      column.clear();
    }
    for (Fixed column : new Fixed[] {partition, offset, timestamp, headersEnd}) {
      column.clear();
    }
    hasTimestamp.clear();
    headersEnd.putInt(0);
  }

  void add(KafkaRecord<byte[], byte[]> record) {
    if (!record.getTopic().equals(lastTopic)) {
      lastTopic = record.getTopic();
      lastTopicBytes = lastTopic.getBytes(StandardCharsets.UTF_8);
    }
    topic.add(lastTopicBytes);
    partition.putInt(record.getPartition());
    offset.putLong(record.getOffset());
    timestamp.putLong(record.getTimestamp());
    hasTimestamp.add(record.getTimestampType() != KafkaTimestampType.NO_TIMESTAMP_TYPE);
    if (record.getHeaders() != null) {
      for (Header header : record.getHeaders()) {
        bytes += headerKey.add(header.key().getBytes(StandardCharsets.UTF_8));
        bytes += headerValue.add(header.value());
        headers++;
      }
    }
    headersEnd.putInt(headers);
    bytes += key.add(record.getKV().getKey());
    bytes += value.add(record.getKV().getValue());
    rows++;
  }

  byte[] encode() {
    ByteBuffer[] buffers = {
      topic.ends.view(), topic.data.view(),
      partition.view(),
      offset.view(),
      hasTimestamp.view(), timestamp.view(),
      headersEnd.view(),
      headerKey.ends.view(), headerKey.data.view(),
      headerValue.present.view(), headerValue.ends.view(), headerValue.data.view(),
      key.present.view(), key.ends.view(), key.data.view(),
      value.present.view(), value.ends.view(), value.data.view(),
    };
    long size = 8L * (3 + buffers.length);
    for (ByteBuffer buffer : buffers) {
      size += padded(buffer.remaining());
    }
    ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(size)).order(ByteOrder.LITTLE_ENDIAN);
    all.putLong(rows).putLong(headers).putLong(buffers.length);
    for (ByteBuffer buffer : buffers) {
      all.putLong(buffer.remaining());
    }
    for (ByteBuffer buffer : buffers) {
      int end = all.position() + padded(buffer.remaining());
      all.put(buffer).position(end);
    }
    return all.array();
  }

  private static int padded(int length) {
    return (length + 7) & ~7;
  }

  /** A buffer that grows. */
  private static class Fixed {
    private ByteBuffer buffer = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);

    void clear() {
      buffer.clear();
    }

    void putInt(int number) {
      room(4).putInt(number);
    }

    void putLong(long number) {
      room(8).putLong(number);
    }

    void put(byte[] data) {
      room(data.length).put(data);
    }

    void put(byte bits) {
      room(1).put(bits);
    }

    int length() {
      return buffer.position();
    }

    ByteBuffer view() {
      return buffer.duplicate().flip();
    }

    private ByteBuffer room(int wanted) {
      if (buffer.remaining() < wanted) {
        int needed = Math.addExact(buffer.position(), wanted);
        int capacity = (int) Math.min(Integer.MAX_VALUE - 16L, Math.max(needed, 2L * needed));
        ByteBuffer larger = ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
        buffer = larger.put(buffer.flip());
      }
      return buffer;
    }
  }

  /** Arrow's validity: one bit a row, the lowest bit first. */
  private static final class Bits {
    private final Fixed bytes = new Fixed();
    private int pending;
    private int count;

    void clear() {
      bytes.clear();
      pending = 0;
      count = 0;
    }

    void add(boolean set) {
      if (set) {
        pending |= 1 << (count & 7);
      }
      if ((++count & 7) == 0) {
        bytes.put((byte) pending);
        pending = 0;
      }
    }

    ByteBuffer view() {
      if ((count & 7) != 0) {
        bytes.put((byte) pending);
      }
      return bytes.view();
    }
  }

  /** Values of any length, NULL included: where each ends, and all of them in a row. */
  private static final class Variable {
    final Fixed ends = new Fixed();
    final Fixed data = new Fixed();
    final Bits present = new Bits();

    void clear() {
      ends.clear();
      data.clear();
      present.clear();
      ends.putInt(0);
    }

    /** The number of bytes added. */
    int add(byte[] value) {
      present.add(value != null);
      if (value != null) {
        data.put(value);
      }
      ends.putInt(data.length());
      return value == null ? 0 : value.length;
    }
  }
}
