"""A dataset of BigQuery to write to, and how."""

from __future__ import annotations

import dataclasses
import os
import re

MAX_REQUEST_BYTES = 10_000_000
"""BigQuery's limit of one append request, as a whole."""

EMULATOR_VARIABLE = "BIGQUERY_EMULATOR_HOST"
"""Google's client of BigQuery's REST API reads it too: `host:port` or `http://host:port`."""

STORAGE_EMULATOR_VARIABLE = "BIGQUERY_STORAGE_EMULATOR_HOST"
"""The emulator's `host:port` of the Storage API; without it port 9060 beside the REST API."""

_STORAGE_SERVICE = "bigquerystorage.googleapis.com:443"
_EMULATORS_STORAGE_PORT = 9060
_PROJECT = re.compile(r"[a-z0-9:.-]+", re.IGNORECASE)
_DATASET = re.compile(r"[a-z0-9_]{1,1024}", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class BigQueryConfig:
    """A dataset, and how rows are appended to its tables. Text of it names it for messages.

    location: where the dataset is made when it does not exist; "" for BigQuery's default.
    exactly_once: appends carry an offset in a stream of their own, so that a retry stores nothing
    twice. pending: the same, and rows are seen when `flush` commits them, all at once; for batch.
    request_bytes: how many bytes of rows are sent in a request, about. max_request_bytes: never
    more. outstanding_bytes, outstanding_requests: sent and not confirmed yet. connections: open at
    a time, one a table; the one that is unused longest makes room. retry_seconds: how long a
    request is tried again. answer_seconds: how long an answer may take.
    rest_endpoint, storage_endpoint: `http://host:port` of an emulator, or another address of
    BigQuery; what the two variables of an emulator say where this is made, else Google's own.

    Raises ValueError.
    """

    project: str
    dataset: str
    location: str = ""
    exactly_once: bool = False
    pending: bool = False
    request_bytes: int = 1_000_000
    max_request_bytes: int = MAX_REQUEST_BYTES
    outstanding_bytes: int = 64_000_000
    outstanding_requests: int = 500
    connections: int = 50
    retry_seconds: float = 600.0
    answer_seconds: float = 60.0
    rest_endpoint: str = ""
    storage_endpoint: str = ""

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            message = f"the project is {self.project!r}; expected its id, such as 'my-project'"
            raise ValueError(message)
        if not _DATASET.fullmatch(self.dataset):
            message = (
                f"the dataset is {self.dataset!r}; expected its name alone: letters, digits and "
                "underscores, such as 'shop'"
            )
            raise ValueError(message)
        if not 0 < self.max_request_bytes <= MAX_REQUEST_BYTES:
            message = (
                f"max_request_bytes is {self.max_request_bytes!r}; BigQuery takes 1 to "
                f"{MAX_REQUEST_BYTES} a request"
            )
            raise ValueError(message)
        for name in ("request_bytes", "outstanding_bytes", "outstanding_requests", "connections"):
            if getattr(self, name) < 1:
                message = f"{name} is {getattr(self, name)!r}; expected 1 or more"
                raise ValueError(message)
        # Here and not on the workers, which may lack the variables: they would write to the real
        # service then.
        if not self.rest_endpoint and (rest := os.environ.get(EMULATOR_VARIABLE)):
            object.__setattr__(self, "rest_endpoint", rest if "://" in rest else f"http://{rest}")
        if not self.storage_endpoint and (emulator := _plain(self.rest_endpoint)):
            storage = os.environ.get(STORAGE_EMULATOR_VARIABLE)
            host = emulator.rpartition(":")[0] or emulator
            address = storage or f"{host}:{_EMULATORS_STORAGE_PORT}"
            object.__setattr__(self, "storage_endpoint", f"http://{address}")

    def __str__(self) -> str:
        return f"the BigQuery dataset {self.project}.{self.dataset}"

    @property
    def has_offsets(self) -> bool:
        """Whether rows go to streams of this writer's own, at offsets."""
        return self.exactly_once or self.pending

    @property
    def emulator(self) -> str:
        """The emulator's `host:port` of the Storage API; "" for the real service."""
        return _plain(self.storage_endpoint)

    @property
    def address(self) -> str:
        """The `host:port` of the Storage API."""
        if self.emulator:
            return self.emulator
        host = self.storage_endpoint.removeprefix("https://").rstrip("/")
        if not host:
            return _STORAGE_SERVICE
        return host if re.search(r":\d+$", host) else f"{host}:443"

    def table_name(self, table: str) -> str:
        """A table for messages."""
        return f"the BigQuery table {self.project}.{self.dataset}.{table}"

    def table_path(self, table: str) -> str:
        """A table's full name in the Storage API."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{table}"


def _plain(endpoint: str) -> str:
    """The `host:port` of an endpoint without TLS; "" for any other."""
    scheme, separator, rest = endpoint.partition("://")
    return rest.rstrip("/") if separator and scheme == "http" else ""
