"""Dead letters read back from where a pipeline wrote them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import posixpath
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import orjson
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PullRequest

from pipeline_io.bigquery_channel import open_client
from pipeline_io.pubsub_channel import open_channel
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipelines.dead_letter_place import FilePlace, KeptPlace, SubscriptionPlace, TablePlace
from pipelines.dead_letter_table import LAYOUT, letter_of_row

_FIELDS = tuple(name for name, _ in LAYOUT.columns)
_PULL_MESSAGES = 500
_PULL_SECONDS = 3.0
_EMPTY_PULLS = 2
_ACK_IDS = 1_000


class LetterError(Exception):
    """Dead letters that cannot be read or sent; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Letter:
    """A dead letter.

    fields: as docs/dead_letters.md names them. place: where it was read, for messages. done: called
    when it is settled for good, so that the place may drop it; None where nothing is to be done.
    """

    fields: dict[str, Any]
    place: str
    done: Callable[[], None] | None = None

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    @property
    def record_id(self) -> str:
        """32 hex digits that name the record: the same in all letters about it."""
        names = ("topic", "partition", "offset", "key", "headers", "payload")
        text = orjson.dumps([self[name] for name in names])
        return hashlib.blake2b(text, digest_size=16).hexdigest()


@contextlib.contextmanager
def read_letters(place: KeptPlace) -> Iterator[Iterator[Letter]]:
    """The dead letters of a place, which may be settled (`done`) until the end of the block.

    Raises LetterError.
    """
    match place:
        case FilePlace(path):
            yield _of_files(path)
        case SubscriptionPlace(config):
            with contextlib.closing(open_channel(config)) as channel:
                held = _Held(config, channel)
                try:
                    yield held.letters()
                finally:
                    held.give_back()
        case TablePlace():
            yield _of_table(place)


def _of_files(path: str) -> Iterator[Letter]:
    stem, ending = posixpath.splitext(path)
    # A job that does not end writes objects beside the path into a store that cannot append.
    patterns = [path, f"{stem}-*{ending}"] if "://" in path else [path]
    try:
        found = [one for match in FileSystems.match(patterns) for one in match.metadata_list]
    except (OSError, BeamIOError) as error:
        message = f"{path}: {error}; expected a file of dead letters, or a pattern of them"
        raise LetterError(message) from error
    if not found:
        message = f"{path}: no such file; expected the dead_letters.jsonl of a job's --output_dir"
        raise LetterError(message)
    for one in sorted(found, key=lambda one: str(one.path)):
        try:
            with FileSystems.open(one.path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield Letter(parse_letter(line, f"{one.path}:{number}"), one.path)
        except (OSError, BeamIOError) as error:
            message = f"{one.path}: {error}; see that it can be read and run again"
            raise LetterError(message) from error


def parse_letter(text: bytes, place: str) -> dict[str, Any]:
    """The fields of a letter's JSON. Raises LetterError."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = (
            f"{place}: no dead letter: {error}; expected a JSON object a line. A last line that is "
            "cut was being written when its job was killed: remove it, the job writes it again"
        )
        raise LetterError(message) from error
    missing = [name for name in _FIELDS if not isinstance(found, dict) or name not in found]
    if missing:
        message = f"{place}: no dead letter: it lacks {', '.join(missing)}"
        raise LetterError(message)
    fields: dict[str, Any] = found
    return fields


class _Held:
    """What a subscription has now. Each letter is acknowledged when it is settled, and the others
    are given back, to be delivered again."""

    def __init__(self, config: SubscriptionConfig, channel: grpc.Channel) -> None:
        self._config = config
        self._client = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self._ids: set[str] = set()

    def letters(self) -> Iterator[Letter]:
        empty = 0
        while empty < _EMPTY_PULLS:
            try:
                received = _pull(self._client, self._config)
            except GoogleAPICallError as error:
                message = f"{self._config}: {error.message}; see that it exists and may be pulled"
                raise LetterError(message) from error
            empty = 0 if received else empty + 1
            self._ids |= {one.ack_id for one in received}
            for one in received:
                place = f"{self._config}, message {one.message.message_id}"
                settle = functools.partial(self._settle, one.ack_id)
                yield Letter(parse_letter(one.message.data, place), str(self._config), settle)

    def _settle(self, ack_id: str) -> None:
        try:
            self._client.acknowledge(subscription=self._config.path, ack_ids=[ack_id])
        except GoogleAPICallError as error:
            message = (
                f"{self._config}: {error.message}; the record was sent and is noted, its letter is "
                "delivered again: run the replay again, which drops it"
            )
            raise LetterError(message) from error
        self._ids.discard(ack_id)

    def give_back(self) -> None:
        ids = sorted(self._ids)
        for start in range(0, len(ids), _ACK_IDS):
            # Without it they come again a little later.
            with contextlib.suppress(GoogleAPICallError):
                self._client.modify_ack_deadline(
                    subscription=self._config.path,
                    ack_ids=ids[start : start + _ACK_IDS],
                    ack_deadline_seconds=0,
                )


def _pull(client: SubscriberClient, config: SubscriptionConfig) -> list[Any]:
    request = PullRequest(subscription=config.path, max_messages=_PULL_MESSAGES)
    try:
        return list(client.pull(request, timeout=_PULL_SECONDS, retry=None).received_messages)
    except GoogleAPICallError as error:
        if error.grpc_status_code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return []
        raise


def _of_table(place: TablePlace) -> Iterator[Letter]:
    columns = ", ".join(f"`{name}`" for name in _FIELDS)
    config = place.config
    name = f"`{config.project}`.`{config.dataset}`.`{place.table}`"
    with contextlib.closing(open_client(config)) as client:
        try:
            for row in client.query(f"SELECT {columns} FROM {name} ORDER BY last_failed_at"):  # noqa: S608
                yield Letter(letter_of_row(dict(row)), str(place))
        except GoogleAPICallError as error:
            message = f"{place}: {error.message}; see that it exists and may be read"
            raise LetterError(message) from error
