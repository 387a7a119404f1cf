"""The settings of Debezium's connectors in which every column type is recorded."""

from __future__ import annotations

from typing import Literal, NamedTuple

Source = Literal["mysql", "pg"]

TIMES: dict[Source, tuple[str, ...]] = {
    "mysql": (
        "adaptive_time_microseconds",
        "connect",
        "isostring",
        "microseconds",
        "nanoseconds",
    ),
    "pg": (
        "adaptive",
        "adaptive_time_microseconds",
        "connect",
        "isostring",
        "microseconds",
        "nanoseconds",
    ),
}
"""Each `time.precision.mode` that the connector takes. MySQL's refuses `adaptive`."""


_IN_BASE64 = ("string", "microseconds")


class Mode(NamedTuple):
    """A connector's settings; `time`, `decimals` and `binary` are its `*.mode`s."""

    source: Source
    time: str
    decimals: str
    binary: str = "bytes"

    @property
    def name(self) -> str:
        """The name of the recording: its folder, and the prefix of its topics."""
        parts = [self.source, self.decimals, self.time]
        if self.binary != "bytes":
            parts.insert(2, self.binary)
        return "_".join(parts)

    @property
    def settings(self) -> dict[str, str]:
        """The connector's settings."""
        found = {
            "time.precision.mode": self.time,
            "decimal.handling.mode": self.decimals,
            "binary.handling.mode": self.binary,
        }
        if self.source == "mysql":
            found["bigint.unsigned.handling.mode"] = "precise"
        return found


OLDER: dict[str, tuple[Source, str]] = {
    "mysql_types_adaptive": ("mysql", "adaptive_time_microseconds"),
    "mysql_types_connect": ("mysql", "connect"),
    "pg_types_adaptive": ("pg", "adaptive"),
    "pg_types_adaptive_time_microseconds": ("pg", "adaptive_time_microseconds"),
    "pg_types_connect": ("pg", "connect"),
}
"""The recordings that were there before: `decimal.handling.mode=precise` and these times."""

MODES: tuple[Mode, ...] = (
    *(
        Mode(source, time, decimals, "base64" if (decimals, time) == _IN_BASE64 else "bytes")
        for source, times in TIMES.items()
        for time in times
        for decimals in ("precise", "string")
        if decimals == "string" or (source, time) not in OLDER.values()
    ),
    # What kami check refuses.
    Mode("pg", "adaptive", "double"),
    Mode("mysql", "adaptive_time_microseconds", "string", "hex"),
)
"""What `python -m tests.proof.record_types` records."""

EXACT = (
    *OLDER,
    *(mode.name for mode in MODES if "double" != mode.decimals and "hex" != mode.binary),
)
"""The recordings whose values the god view has as the database does."""
