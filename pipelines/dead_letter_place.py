"""Where dead letters are kept: a file or a bucket, a topic of Pub/Sub, a table of BigQuery."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.files import path_in
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_subscription import SubscriptionConfig

FILE_NAME = "dead_letters.jsonl"

PLACES = (
    "a path or gs://BUCKET/PATH of a file, pubsub:projects/PROJECT/topics/TOPIC or "
    "bigquery:PROJECT.DATASET.TABLE"
)
"""Where a pipeline writes them to, for people."""

_RESOURCE = re.compile(r"projects/(?P<project>[^/]+)/(?P<kind>topics|subscriptions)/(?P<id>[^/]+)")
_TABLE = re.compile(r"(?P<project>[^.]+(?:\.[^.:]+:)?[^.]*)\.(?P<dataset>\w+)\.(?P<table>[\w-]+)")


class PlaceError(ValueError):
    """A text that names no place; the message says what was expected."""


@dataclasses.dataclass(frozen=True)
class FilePlace:
    """A file of lines. A job that does not end appends to it; in a store of objects it writes
    objects beside it, whose names begin alike."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclasses.dataclass(frozen=True)
class TopicPlace:
    """A topic of Pub/Sub."""

    config: PubsubConfig

    def __str__(self) -> str:
        return str(self.config)


@dataclasses.dataclass(frozen=True)
class SubscriptionPlace:
    """A subscription of such a topic, to read from."""

    config: SubscriptionConfig

    def __str__(self) -> str:
        return str(self.config)


@dataclasses.dataclass(frozen=True)
class TablePlace:
    """A table of BigQuery."""

    config: BigQueryConfig
    table: str

    def __str__(self) -> str:
        return self.config.table_name(self.table)


Place = FilePlace | TopicPlace | TablePlace
KeptPlace = FilePlace | SubscriptionPlace | TablePlace


def file_of(output_dir: str) -> str:
    """Where dead letters are that no other place takes."""
    return path_in(output_dir, FILE_NAME)


def place_of(text: str) -> Place:
    """Where a pipeline writes its dead letters to. Raises PlaceError."""
    scheme, _, rest = text.partition(":")
    if scheme == "pubsub":
        return topic_of(text)
    if scheme == "bigquery":
        return _table_of(text, rest)
    if text.endswith("/") or Path(text).is_dir():
        return FilePlace(f"{text.rstrip('/')}/{FILE_NAME}")
    return FilePlace(text)


def kept_place_of(text: str) -> KeptPlace:
    """Where dead letters are read from; a path may be a pattern. Raises PlaceError."""
    scheme, _, rest = text.partition(":")
    if scheme == "pubsub":
        project, name = _resource(text, "subscriptions")
        try:
            return SubscriptionPlace(SubscriptionConfig(project, name))
        except ValueError as error:
            message = f"{text}: {error}"
            raise PlaceError(message) from error
    if scheme == "bigquery":
        return _table_of(text, rest)
    place = place_of(text)
    assert isinstance(place, FilePlace)  # noqa: S101  (nothing else is left)
    return place


def topic_of(text: str) -> TopicPlace:
    """The topic that `pubsub:projects/PROJECT/topics/TOPIC` names. Raises PlaceError."""
    project, name = _resource(text, "topics")
    try:
        # The letter says all itself: its messages carry no attributes.
        return TopicPlace(PubsubConfig(project, name, "application/json", attributes=False))
    except ValueError as error:
        message = f"{text}: {error}"
        raise PlaceError(message) from error


def _resource(text: str, kind: str) -> tuple[str, str]:
    found = _RESOURCE.fullmatch(text.removeprefix("pubsub:"))
    if found is None or found["kind"] != kind:
        message = f"{text!r}: expected pubsub:projects/PROJECT/{kind}/{kind[:-1].upper()}"
        raise PlaceError(message)
    return found["project"], found["id"]


def _table_of(text: str, rest: str) -> TablePlace:
    found = _TABLE.fullmatch(rest)
    if found is None:
        message = f"{text!r}: expected bigquery:PROJECT.DATASET.TABLE"
        raise PlaceError(message)
    try:
        return TablePlace(BigQueryConfig(found["project"], found["dataset"]), found["table"])
    except ValueError as error:
        message = f"{text}: {error}"
        raise PlaceError(message) from error
