"""The connector `pubsub` as a source: the options and metadata of a subscription."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.sql.connectors import Option, duration, positive_integer
from transforms.sql.errors import did_you_mean
from transforms.sql.types import STRINGS, Kind, SqlType

SUBSCRIPTION = "topic-subscription-name"
SOURCE_FORMATS = ("json", "raw")

ATTRIBUTE_PREFIX = "attributes."
METADATA: Mapping[str, tuple[Kind, ...]] = {
    "message_id": STRINGS,
    "publish_time": (Kind.TIMESTAMP_LTZ,),
    "ordering_key": STRINGS,
    "attributes": (Kind.MAP,),
    "event_id": STRINGS,
    "subscription": STRINGS,
}
"""Metadata columns of a message, and the types that they may have. `attributes.NAME` is one
attribute, a text."""
_ATTRIBUTES = "MAP<STRING, STRING>"


SCAN_OPTIONS = (
    Option(
        "scan.max-outstanding-messages",
        "messages that are read and not acknowledged yet at most, of each worker process",
        positive_integer,
        50_000,
    ),
    Option("scan.max-outstanding-bytes", "and their bytes", positive_integer, 100_000_000),
    Option(
        "scan.ack-deadline",
        "how long the messages of a job that was killed stay away from the next one, 10 s to "
        "600 s; those that are worked on are extended",
        duration,
        60.0,
    ),
    Option(
        "scan.idle-timeout",
        "without --follow: how long no message has to come until a subscription counts as read to "
        "its end",
        duration,
        5.0,
    ),
    Option(
        "scan.stall-timeout",
        "how long Pub/Sub may stay away until the job stops with an error",
        duration,
        300.0,
    ),
    Option("scan.parallelism", "how many bundles are read at a time", positive_integer, 1),
    Option(
        "scan.streams",
        "how many streams pull at a time, of each worker process; the emulator gives some 1,700 "
        "messages a second by each",
        positive_integer,
        4,
    ),
)


def metadata_error(key: str, declared: SqlType) -> str | None:
    """What is wrong with a metadata column of a message, if anything is."""
    kinds = STRINGS if key.startswith(ATTRIBUTE_PREFIX) else METADATA.get(key)
    if kinds is None:
        known = [*METADATA, f"{ATTRIBUTE_PREFIX}NAME"]
        return f"a message has no metadata {key!r}; {did_you_mean(key, known)}"
    if declared.kind not in kinds or (key == "attributes" and str(declared) != _ATTRIBUTES):
        wanted = _ATTRIBUTES if key == "attributes" else kinds[-1].value
        return f"the metadata {key!r} is a {wanted}, not a {declared}"
    return None
