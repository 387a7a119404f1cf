"""Topics filled with records whose values vary."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.growth_records import Template, VariedRecords
from tests.benchmarks.job_speed import parsed_schema, recorded
from tests.benchmarks.live_load import Load, Record, records_for

BLOCK = 50_000
_PACED = 5_000


def varied_records(registry: str, *, truncates: bool) -> VariedRecords:
    """The recording's changes of `items` as templates, with the ids of this registry.

    Args:
        truncates: whether the one truncate is among them: Flink's Debezium format fails at it.
    """
    keys: list[Template | None] = []
    values: list[Template] = []
    batch = recorded()
    given: list[dict[str, Any]] = batch.select(["key", "value"]).to_pylist()
    for row, sent in zip(given, records_for(registry, headers=False), strict=True):
        if sent.key is None and not truncates:
            continue
        keys.append(None if sent.key is None else Template(sent.key, _schema(row["key"])))
        values.append(Template(sent.value, _schema(row["value"])))
    return VariedRecords(keys, values)


def _schema(recorded_bytes: bytes) -> Any:
    return parsed_schema(int.from_bytes(recorded_bytes[1:5], "big"))


class VariedLoad(Load):
    """Sends records to topics of a broker, each with values of its own."""

    def __init__(self, brokers: str, varied: VariedRecords, compression: str = "none") -> None:
        keys, values = varied.block(0, _PACED)
        super().__init__(
            brokers, [Record(key, value, None) for key, value in zip(keys, values, strict=True)]
        )
        self._varied = varied
        self._compression = compression

    def settings(self) -> dict[str, str | int]:
        return {**super().settings(), "compression.type": self._compression}

    def fill(self, topic: str, count: int, *, start: int = 0) -> None:
        """Sends `count` records from number `start`, as fast as it goes."""
        producer = self._producer(50)
        produce = producer.produce
        for first in range(start, start + count, BLOCK):
            keys, values = self._varied.block(first, min(BLOCK, start + count - first))
            for key, value in zip(keys, values, strict=True):
                while True:
                    try:
                        # By position: names cost a third.
                        produce(topic, value, key)
                        break
                    except BufferError:
                        producer.poll(0.1)
            producer.poll(0)
        producer.flush()
