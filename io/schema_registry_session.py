"""What a process knows of a schema registry: its schemas, and ids that it does not have."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import cachetools

from pipeline_io.schema_registry_client import Patience, RegistryClient
from pipeline_io.schema_registry_errors import (
    RegistryError,
    UnexpectedAnswer,
    UnknownSchema,
    shown,
)
from pipeline_io.schema_registry_references import inline_references
from pipeline_io.schema_registry_requests import (
    SUBJECTS_REQUEST,
    TYPES_REQUEST,
    Answer,
    Reference,
    RegisteredSchema,
    Request,
    compatibility_request,
    parse_id_answer,
    parse_schema_answer,
    reason,
    register_request,
    schema_request,
    version_request,
)

# Registries count in Java's int; four bytes of a corrupt record may say more.
_LARGEST_ID = 2**31 - 1

# Garbage that passes for records has a new id each time: after waiting for two ids in vain, the
# others are asked for once, or a batch of such records would take hours.
_IDS_WAITED_FOR = 2
_REMEMBERED_UNKNOWN_IDS = 100_000
_REMEMBERED_REGISTRATIONS = 1_000

# A job that starts says within about ten seconds that its registry cannot be used.
_CHECK_PATIENCE = Patience(total_seconds=8.0, connect_seconds=3.0, request_seconds=4.0)
_QUICK_PATIENCE = Patience(total_seconds=0.0, connect_seconds=3.0, request_seconds=10.0)


class UnknownIds(NamedTuple):
    """How often an unknown id is asked for in a call, over how long, and when again."""

    tries: int
    wait_seconds: float
    remembered_seconds: float

    def delays(self) -> list[float]:
        """The waits between the tries, each twice as long as the one before."""
        shares = [2.0**number for number in range(self.tries - 1)]
        return [self.wait_seconds * share / sum(shares) for share in shares]


class RegistrySession:
    """Serves several threads; an id that several of them ask for is fetched once.

    Args:
        cached_schemas: how many schemas are kept, those that were used last.
        clock: seconds that only grow.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        client: RegistryClient,
        patience: Patience,
        unknown_ids: UnknownIds,
        cached_schemas: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._patience = patience
        self._unknown_ids = unknown_ids
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._schemas: cachetools.LRUCache[int, str] = cachetools.LRUCache(cached_schemas)
        self._unknown: cachetools.TTLCache[int, str] = cachetools.TTLCache(
            _REMEMBERED_UNKNOWN_IDS, unknown_ids.remembered_seconds, timer=clock
        )
        # Ids that were waited for in vain: the next one is not, see _IDS_WAITED_FOR.
        self._waited_for: cachetools.TTLCache[str, bool] = cachetools.TTLCache(
            _IDS_WAITED_FOR, unknown_ids.remembered_seconds, timer=clock
        )
        self._fetching: dict[int, Future[str]] = {}
        self._found_last: int | None = None
        self._registered: cachetools.LRUCache[tuple[str, str, bool], int] = cachetools.LRUCache(
            _REMEMBERED_REGISTRATIONS
        )

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def schema(self, schema_id: int) -> str:
        """See SchemaRegistry.schema."""
        with self._lock:
            known = self._schemas.get(schema_id)
            if known is not None:
                return known
            why = self._unknown.get(schema_id)
            if why is not None:
                raise UnknownSchema(why)
            future = self._fetching.get(schema_id)
            mine = future is None
            if future is None:
                future = self._fetching[schema_id] = Future()
        if mine:
            self._fetch_into(future, schema_id)
        return future.result()

    def register(self, subject: str, schema: str, normalize: bool) -> int:
        """See SchemaRegistry.register."""
        filed = (subject, schema, normalize)
        with self._lock:
            known = self._registered.get(filed)
        if known is not None:
            return known
        request = register_request(subject, schema, normalize)
        answer = self._client.ask(request, self._patience)
        if answer.status != 200:
            raise self._refusal(subject, schema, answer)
        schema_id = parse_id_answer(answer.body)
        if schema_id is None:
            raise self._useless(answer, request, "an id")
        with self._lock:
            self._registered[filed] = schema_id
        return schema_id

    def check(self) -> None:
        """See SchemaRegistry.check."""
        request = TYPES_REQUEST
        try:
            answer = self._client.ask(request, _CHECK_PATIENCE)
        except UnexpectedAnswer as error:
            if error.status != 404:
                raise
            # A wrong path, or a registry of before 2020: it has subjects.
            request = SUBJECTS_REQUEST
            answer = self._client.ask(request, _CHECK_PATIENCE)
        if answer.status != 200 or not isinstance(answer.body, list):
            raise self._useless(answer, request, "a list")
        if request is TYPES_REQUEST and "AVRO" not in answer.body:
            message = f"schema registry {answer.url} knows {answer.body}, expected AVRO with them"
            raise RegistryError(message)

    def _fetch_into(self, future: Future[str], schema_id: int) -> None:
        text = why = None
        error: BaseException | None = None
        try:
            text = self._fetch(schema_id)
        except UnknownSchema as unknown:
            error, why = unknown, str(unknown)
        except BaseException as other:
            error = other
        with self._lock:
            if text is not None:
                self._schemas[schema_id] = text
                self._found_last = schema_id
            if why is not None:
                self._unknown[schema_id] = why
            del self._fetching[schema_id]
        # Last: who waits for it must find what it left behind.
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(text or "")

    def _fetch(self, schema_id: int) -> str:
        if not 0 <= schema_id <= _LARGEST_ID:
            message = f"no registry gives an id of {schema_id}; the record is not Confluent Avro"
            raise UnknownSchema(message)
        found = self._find(schema_request(schema_id))
        if found.schema_type != "AVRO":
            message = (
                f"schema id {schema_id} of {self._client.name} is a {found.schema_type} schema, "
                "expected AVRO; check the converter of the topic"
            )
            raise UnknownSchema(message)
        if not found.references:
            return found.text
        # A dict: several schemas may refer to the same one.
        texts: dict[Reference, str] = {}
        self._collect(found.references, texts)
        try:
            return inline_references(found.text, texts.values())
        except (ValueError, RecursionError) as error:
            message = f"the references of schema id {schema_id} cannot be resolved: {error}"
            raise UnknownSchema(message) from error

    def _collect(self, references: tuple[Reference, ...], texts: dict[Reference, str]) -> None:
        for reference in references:
            if reference not in texts:
                found = self._find(version_request(reference))
                texts[reference] = found.text
                self._collect(found.references, texts)

    def _find(self, request: Request) -> RegisteredSchema:
        delays = self._unknown_ids.delays()
        with self._lock:
            if len(self._waited_for) >= _IDS_WAITED_FOR:
                delays = []
        found_last = self._found_last
        # One that came back from an outage without any schema says nothing of this one.
        known = None if found_last is None else schema_request(found_last)
        answer = self._client.ask(request, self._patience, None if delays else known)
        for left, delay in enumerate(delays, start=1 - len(delays)):
            if answer.status == 200:
                break
            # Registered a moment ago, and not yet with this replica.
            self._sleep(delay)
            answer = self._client.ask(request, self._patience, None if left else known)
        if answer.status == 404:
            if delays:
                with self._lock:
                    self._waited_for[request.path] = True
            message = f"{self._client.name} has no {request.what} ({self._reason(answer)})"
            raise UnknownSchema(message)
        found = parse_schema_answer(answer.body) if answer.status == 200 else None
        if found is None:
            raise self._useless(answer, request, "a schema")
        return found

    def _refusal(self, subject: str, schema: str, answer: Answer) -> RegistryError:
        told = self._reason(answer)
        if answer.status != 409:
            return RegistryError(
                f"schema registry {answer.url} does not register a schema of subject {subject!r}: "
                f"HTTP {answer.status}, {told}; the schema is {shown(schema)}"
            )
        try:
            report = self._client.ask(compatibility_request(subject, schema), _QUICK_PATIENCE)
            if isinstance(report.body, dict) and report.body.get("messages"):
                told = self._reason(report)
        except RegistryError:
            # The refusal itself stands, and is what has to be told.
            pass
        return RegistryError(
            f"schema registry {answer.url}: the schema is incompatible with the latest one of "
            f"subject {subject!r}: {told}; give new columns a default (in Avro: nullable), write "
            "to a new topic, or change the subject's compatibility in the registry"
        )

    def _useless(self, answer: Answer, request: Request, expected: str) -> RegistryError:
        told = shown(self._client.told(str(answer.body)))
        return RegistryError(
            f"schema registry {answer.url}{request.path}: HTTP {answer.status} {told!r}, expected "
            f"{expected} of {request.what}; check the address"
        )

    def _reason(self, answer: Answer) -> str:
        return self._client.told(reason(answer.body))
