"""Reads some partitions with one consumer: batches of records, and where they end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import confluent_kafka
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import TopicPartition

from pipeline_io.kafka_errors import (
    RecordsGoneError,
    UnknownTopicError,
    client_error,
    error_for,
)
from pipeline_io.kafka_health import Health
from pipeline_io.kafka_positions import Partition, PartitionRange, Positions, by_partition
from pipeline_io.kafka_properties import CONSUMER
from pipeline_io.kafka_queue import Handed, Told, queue_of
from pipeline_io.kafka_relogin import Relogin
from pipeline_io.kafka_source import KafkaSource, StartMode
from pipeline_io.kafka_topics import ACCEPT_LOSS, gone

_LOGGER = logging.getLogger(__name__)
_E = confluent_kafka.KafkaError

LINGER_SECONDS = 0.02
"""How long a batch waits to be filled at most: below what people notice, and enough to fill one
when there is a backlog."""
LINGER_SHARE = 0.5
"""The same as a share of what the batch before took to be handled: a small batch is cheap, and the
next one should not wait longer than it is worth. 500 records a second are on time so, for some more
CPU than with a fixed time."""
_DEFAULTS: dict[str, object] = {
    # The library stops fetching while it holds enough, 100,000 records, and looks again after this
    # time. With its own default, a second, a worker that is faster has nothing to do in between:
    # 108,000 records a second were read in place of 182,000.
    "fetch.queue.backoff.ms": 10,
}
ASK_SECONDS = 10.0
NO_GROUP = "kamiflow"
"""The client library wants a group even where none is used."""

_TOPIC_GONE_CODES = (
    _E.UNKNOWN_TOPIC_OR_PART,
    _E.UNKNOWN_TOPIC_ID,
    _E.INCONSISTENT_TOPIC_ID,
    _E._UNKNOWN_TOPIC,  # noqa: SLF001  (the client's public names begin like this)
    _E._UNKNOWN_PARTITION,  # noqa: SLF001
)


class Fetched(NamedTuple):
    """A batch, and the positions behind it. The last of a call may have no batch: only news of
    offsets without records, as transactions and compaction leave them."""

    batch: pa.RecordBatch | None
    positions: Positions


def rows_of(fetched: Fetched) -> int:
    return 0 if fetched.batch is None else fetched.batch.num_rows


class PartitionReader:
    """A consumer that stands somewhere in some partitions. Made where it is used."""

    def __init__(
        self,
        source: KafkaSource,
        make_consumer: Callable[[dict[str, object]], Any] = confluent_kafka.Consumer,
    ) -> None:
        self._source = source
        self._health = Health(source.cluster, f"reading {source.what}", source.stall_seconds)
        config = {**_DEFAULTS, **source.cluster.client_config(CONSUMER)}
        config.update(
            {
                "group.id": source.group or NO_GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                **self._health.callbacks(),
            }
        )
        try:
            self._consumer = make_consumer(config)
        except confluent_kafka.KafkaException as error:
            raise error_for(source.cluster, "configuring a reader", client_error(error)) from error
        relogin = Relogin(config, source.cluster.password_reference)
        relogin.watch(self._consumer)
        self._health.log_in_by(relogin)
        self._queue = queue_of(self._consumer)
        self._stands: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._returned = self._discovered = time.monotonic()

    def is_time_to_discover(self) -> bool:
        """True every `discovery_seconds`, and once for each."""
        every, now = self._source.discovery_seconds, time.monotonic()
        if every is None or now - self._discovered < every:
            return False
        self._discovered = now
        return True

    def close(self) -> None:
        self._queue.close()
        self._consumer.close()

    def _stand_at(self, positions: Positions) -> None:
        """Goes to these positions, unless it stands there."""
        wanted = {each.key: each.start for each in positions if not each.is_done}
        stands = self._stands
        if wanted == stands:
            return
        kept = {key: offset for key, offset in stands.items() if key in wanted}
        if kept and all(wanted[key] == offset for key, offset in kept.items()):
            removed = [key for key in stands if key not in wanted]
            added = [key for key in wanted if key not in stands]
            if removed:
                self._consumer.incremental_unassign([TopicPartition(*key) for key in removed])
            if added:
                self._queue.expect(added)
                self._consumer.incremental_assign(
                    [TopicPartition(*key, wanted[key]) for key in added]
                )
        else:
            removed, added = [], list(wanted)
            self._queue.expect(added)
            self._consumer.assign([TopicPartition(*key, at) for key, at in wanted.items()])
        for key in (*removed, *added):
            self._ends.pop(key, None)
        self._stands = wanted

    def is_at_end(self, at: PartitionRange) -> bool:
        """True if all that the partition has now has been read."""
        return at.is_done or self._ends.get(at.key) == at.start

    def read(self, positions: Positions, limit: int, wait_seconds: float) -> list[Fetched]:
        """The next records behind `positions`, none after `wait_seconds`.

        Raises KafkaError: records that are gone, topics that are gone, refused access, brokers
        that stay away.
        """
        handled = time.monotonic() - self._returned
        # A sink that takes long is no silence of the brokers.
        self._health.skip(handled)
        self._stand_at(positions)
        if not self._stands:
            time.sleep(wait_seconds)
        linger = min(LINGER_SECONDS, LINGER_SHARE * handled)
        handed = self._queue.read(limit, wait_seconds, linger) if self._stands else Handed([], [])
        found = self._fetched(handed, positions)
        if not handed.batches and not handed.told:
            waiting = [each for each in positions if not self.is_at_end(each)]
            self._health.check(waiting=bool(waiting), at=", ".join(str(e.key) for e in waiting[:3]))
        self._returned = time.monotonic()
        return found

    def _fetched(self, handed: Handed, positions: Positions) -> list[Fetched]:
        found: list[Fetched] = []
        if handed.batches:
            self._health.on_progress()
            topics = {each.topic for each in positions}
            topic = next(iter(topics)) if len(topics) == 1 else None
            for batch in handed.batches:
                found.append(behind(batch, positions, topic))
                positions = found[-1].positions
        news = self._told(handed.told, positions)
        if news != positions:
            found.append(Fetched(None, news))
        self._stands = {each.key: each.start for each in news if each.key in self._stands}
        return found

    def _told(self, told: Sequence[Told], positions: Positions) -> Positions:
        """The positions after what the client library told in place of records."""
        now = by_partition(positions)
        for key, offset, error in told:
            if key not in now:
                continue
            code = error.code()
            if code == _E._PARTITION_EOF:  # noqa: SLF001
                self._health.on_progress()
                now[key] = _advanced(now[key], offset)
                self._ends[key] = offset
            elif code == _E._AUTO_OFFSET_RESET:  # noqa: SLF001
                now[key] = self._out_of_range(now[key])
            elif code in _TOPIC_GONE_CODES:
                told_of = (
                    f"{self._source.cluster}: {key} is gone while it was read: {error.str()}; was "
                    "the topic deleted? What was read before is with the sinks"
                )
                raise UnknownTopicError(told_of)
            else:
                self._health.on_error(error)
                self._health.raise_refusal()
        return tuple(now.values())

    def _out_of_range(self, at: PartitionRange) -> PartitionRange:
        """Where to go on in a partition that has no record at this offset any more."""
        partition = TopicPartition(at.topic, at.partition)
        try:
            first, end = self._consumer.get_watermark_offsets(partition, timeout=ASK_SECONDS)
        except confluent_kafka.KafkaException as error:
            what = f"the offsets of {at.key}"
            raise error_for(self._source.cluster, what, client_error(error)) from error
        if at.start > end:
            message = (
                f"{at.key} ends at offset {end}, but was read up to {at.start}: the topic was made "
                f"anew or lost records; {ACCEPT_LOSS}"
            )
            raise RecordsGoneError(message)
        if self._source.start.mode is not StartMode.EARLIEST and at.start < first:
            raise RecordsGoneError(gone(at.key, at.start, first))
        _LOGGER.warning(
            "%s: the records from %d to %d are gone by retention before they were read; reading "
            "goes on behind them, since it started at the earliest",
            at.key,
            at.start,
            first - 1,
            extra={"topic": at.key.topic},
        )
        # Reading does not go on by itself; this makes the next call assign the partition anew.
        self._stands.pop(at.key, None)
        self._consumer.incremental_unassign([partition])
        return _advanced(at, first)


def _advanced(at: PartitionRange, offset: int) -> PartitionRange:
    stop = offset if at.end is None else min(offset, at.end)
    return at._replace(start=max(at.start, stop))


def behind(batch: pa.RecordBatch, positions: Positions, topic: str | None) -> Fetched:
    """The batch without what lies beyond the positions' ends, and the positions behind it."""
    offsets = batch.column("offset").to_numpy()
    rows, keys = _last_rows(batch, topic)
    now = by_partition(positions)
    milliseconds: Any = batch.column("timestamp").cast(pa.int64())
    beyond = False
    for row, key in zip(rows, keys, strict=True):
        at, offset = now[key], int(offsets[row])
        beyond = beyond or (at.end is not None and offset >= at.end)
        millis = milliseconds[row].as_py()
        latest = max((m for m in (at.latest_millis, millis) if m is not None), default=None)
        now[key] = _advanced(at, offset + 1)._replace(latest_millis=latest)
    kept: pa.RecordBatch | None = batch
    if beyond:
        ends = {each.key: each.end for each in positions}
        mask = _before(batch, ends)
        kept = batch.filter(mask) if pc.any(mask).as_py() else None
    return Fetched(kept, tuple(now.values()))


def _last_rows(batch: pa.RecordBatch, topic: str | None) -> tuple[list[int], list[Partition]]:
    """The last row of each partition in a batch."""
    numbers = batch.column("partition").to_numpy().astype(np.int64)
    names: list[str] = [topic] if topic is not None else []
    if topic is None:
        encoded: Any = batch.column("topic").dictionary_encode()
        names = encoded.dictionary.to_pylist()
        numbers = numbers | (encoded.indices.to_numpy().astype(np.int64) << 32)
    if numbers.min() == numbers.max():
        # Of one partition, as a rule; sorting thousands of numbers to find that out takes longer.
        codes, rows = numbers[:1], [len(numbers) - 1]
    else:
        codes, reverse = np.unique(numbers[::-1], return_index=True)
        rows = [len(numbers) - 1 - int(row) for row in reverse]
    return rows, [Partition(names[int(code) >> 32], int(code) & 0xFFFFFFFF) for code in codes]


def _before(batch: pa.RecordBatch, ends: dict[Partition, int | None]) -> pa.Array[Any]:
    """Which rows lie before the end of their partition."""
    keep = []
    for row in batch.select(["topic", "partition", "offset"]).to_pylist():
        end = ends[Partition(row["topic"], row["partition"])]
        keep.append(end is None or row["offset"] < end)
    return pa.array(keep, pa.bool_())
