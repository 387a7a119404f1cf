import pyarrow as pa

class NativeError(Exception): ...

class BodyDecoder:
    def __init__(self, schema: str) -> None: ...
    def decode(
        self, values: pa.BinaryArray | pa.LargeBinaryArray, skip: int
    ) -> tuple[pa.RecordBatch | None, list[int]]: ...

class QueueReader:
    # addresses: of librdkafka's rd_kafka_consume_batch_queue, rd_kafka_message_destroy,
    # rd_kafka_message_timestamp, rd_kafka_message_headers, rd_kafka_header_get_all,
    # rd_kafka_topic_name, rd_kafka_message_errstr. Anything else ends the process.
    def __init__(self, addresses: list[int], schema: pa.Schema, most_bytes: int) -> None: ...
    def read(
        self, queue: int, limit: int, wait_millis: int, linger_millis: int
    ) -> tuple[list[pa.RecordBatch], list[tuple[str, int, int, int, str]]]: ...
