"""What is read from Kafka: the cluster, the topics, the group, where to start and where to end."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError, did_you_mean


class StartMode(enum.Enum):
    """Where reading starts in each partition."""

    EARLIEST = "earliest"
    LATEST = "latest"
    COMMITTED = "committed"
    TIMESTAMP = "timestamp"
    OFFSETS = "offsets"


class Uncommitted(enum.Enum):
    """Where reading starts in a partition for which the group has committed nothing."""

    EARLIEST = "earliest"
    LATEST = "latest"
    NONE = "none"


@dataclasses.dataclass(frozen=True)
class Start:
    """Where reading starts. Made by `Start.parse` from a flag, or field by field.

    timestamp_millis: of TIMESTAMP, milliseconds since 1970-01-01 UTC.
    offsets: of OFFSETS, by partition number, for one topic; other partitions start at the earliest.
    uncommitted: of COMMITTED. To lose records is worse than to read them twice.
    """

    mode: StartMode
    timestamp_millis: int | None = None
    offsets: Mapping[int, int] = dataclasses.field(default_factory=dict)
    uncommitted: Uncommitted = Uncommitted.EARLIEST

    def __post_init__(self) -> None:
        if (self.mode is StartMode.TIMESTAMP) != (self.timestamp_millis is not None):
            message = f"the start {self.mode.value!r} with the timestamp {self.timestamp_millis!r}"
            raise KafkaConfigError(message)

    @classmethod
    def parse(cls, text: str) -> Start:
        """A Start as a flag gives it: earliest, latest, committed, or timestamp:MILLISECONDS.

        Raises KafkaConfigError.
        """
        mode, _, millis = text.partition(":")
        if mode == "timestamp" and millis.isdecimal():
            return cls(StartMode.TIMESTAMP, timestamp_millis=int(millis))
        modes = ("earliest", "latest", "committed")
        if text not in modes:
            near = did_you_mean(text, [*modes, "timestamp:MILLISECONDS"])
            message = f"the start is {text!r}; {near}"
            raise KafkaConfigError(message)
        return cls(StartMode(text))

    def __str__(self) -> str:
        match self.mode:
            case StartMode.TIMESTAMP:
                return f"the first records of {self.timestamp_millis} ms or later"
            case StartMode.COMMITTED:
                return f"the group's offsets, {self.uncommitted.value} where it has none"
            case StartMode.OFFSETS:
                return f"the offsets {dict(self.offsets)}"
        return f"the {self.mode.value} records"


@dataclasses.dataclass(frozen=True)
class KafkaSource:
    """Topics to be read. Picklable; holds no connection and no secret.

    Args:
        topics: their names; or `pattern`, a regular expression that a topic's whole name matches.
        group: for which offsets are committed once the sinks have the data; None commits nothing.
        bounded: up to the end that the topics have now; else for ever.
        readers: how many workers share the partitions.
        discovery_seconds: how often to look for new partitions and topics; None is never.
        stall_seconds: how long no record comes, where some are known to be there, or no broker
            answers, until reading stops with an error.
        watermark_delay_seconds: how much later than another's record in the same partition a
            record's timestamp may be.

    Raises KafkaConfigError.
    """

    cluster: KafkaCluster
    topics: tuple[str, ...] = ()
    pattern: str | None = None
    group: str | None = None
    start: Start = Start(StartMode.EARLIEST)
    bounded: bool = True
    batch_size: int = 5_000
    readers: int = 1
    discovery_seconds: float | None = 300.0
    stall_seconds: float = 300.0
    watermark_delay_seconds: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.topics) == bool(self.pattern):
            message = "a Kafka source has topics or a pattern of topics; give one of the two"
            raise KafkaConfigError(message)
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                message = f"the topic pattern {self.pattern!r} is no regular expression: {error}"
                raise KafkaConfigError(message) from error
        self._check_start()
        for name in ("batch_size", "readers"):
            if getattr(self, name) < 1:
                message = f"{name} is {getattr(self, name)!r}; expected at least 1"
                raise KafkaConfigError(message)

    def _check_start(self) -> None:
        if self.start.mode is StartMode.COMMITTED and self.group is None:
            message = "the start 'committed' needs a group: whose offsets are they?"
            raise KafkaConfigError(message)
        if self.start.mode is StartMode.OFFSETS and len(self.topics) != 1:
            message = f"offsets by partition are for one topic; there is {self.what}"
            raise KafkaConfigError(message)
        if self.start.mode is StartMode.LATEST and self.bounded:
            message = (
                "the start 'latest' with an end at the latest records reads nothing; choose the "
                "start earliest, committed or timestamp, or follow the topics without an end"
            )
            raise KafkaConfigError(message)

    @property
    def what(self) -> str:
        """The topics in words."""
        if self.pattern is not None:
            return f"topics like {self.pattern!r}"
        return f"topic{'s' * (len(self.topics) > 1)} {', '.join(self.topics)}"

    @property
    def isolation(self) -> str:
        return self.cluster.properties.get("isolation.level", "read_committed")

    def describe(self, *, runner_keeps: bool = False) -> str:
        """What is read, from where to where, and who keeps the offsets; for people.

        Args:
            runner_keeps: the runner keeps them, and none are committed.
        """
        end = "records up to now" if self.bounded else "for ever"
        if runner_keeps:
            group = "the runner keeps the offsets, and commits none to Kafka"
        elif self.group is not None:
            group = (
                f"offsets are committed for the group {self.group!r} when the sinks have the data"
            )
        else:
            group = "no group: offsets are not committed"
        return f"{self.what} of {self.cluster.describe()}; from {self.start}, {end}; {group}"
