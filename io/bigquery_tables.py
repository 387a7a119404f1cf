"""Datasets and tables, made and given new columns; never a column changed or dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import google.auth.exceptions
import grpc
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery.table import PrimaryKey, TableConstraints

from pipeline_io.bigquery_columns import check_key, check_layout, merged, tell_of_layout
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import (
    Recovery,
    recovery,
    shown,
    stop_error,
    unavailable_error,
)
from pipeline_io.bigquery_outage import Outage
from pipeline_io.bigquery_streams import waiting
from pipeline_io.bigquery_types import ColumnType, parse_type, type_of
from pipeline_io.bigquery_upsert import Upserting, check_upserting

_CALL_SECONDS = 30.0
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500
# Of the status 403, which else is a missing permission.
_QUOTA_REASONS = frozenset({"rateLimitExceeded", "quotaExceeded"})
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
}

_Answer = TypeVar("_Answer")


# OSError: what the HTTP client raises.
_ERRORS = (exceptions.GoogleAPICallError, google.auth.exceptions.GoogleAuthError, OSError)


class Tables:
    """The tables of a dataset. `stopped` ends all waiting; all methods raise BigQueryError."""

    def __init__(
        self,
        client: bigquery.Client,
        config: BigQueryConfig,
        stopped: threading.Event,
    ) -> None:
        self.config = config
        self._client = client
        self._stopped = stopped
        self._has_dataset = False

    def ensure(
        self,
        name: str,
        columns: Sequence[tuple[str, str]],
        partition_by: str | None,
        cluster_by: Sequence[str],
        upserting: Upserting | None = None,
    ) -> list[tuple[str, ColumnType]]:
        """Makes the dataset and the table, or adds the columns that it lacks; the columns' types.

        Raises ValueError: a type that BigQuery does not have, or a layout that does not fit.
        BigQuerySchemaError: a column is there with another type.
        """
        parsed = [(column, parse_type(text)) for column, text in columns]
        check_layout(name, parsed, partition_by, cluster_by)
        table = bigquery.Table(
            f"{self.config.project}.{self.config.dataset}.{name}",
            schema=[of.field(column) for column, of in parsed],
        )
        if partition_by is not None:
            table.time_partitioning = bigquery.TimePartitioning(field=partition_by)
        if cluster_by:
            table.clustering_fields = list(cluster_by)
        if upserting is not None:
            check_upserting(name, parsed, upserting)
            table.table_constraints = TableConstraints(PrimaryKey(list(upserting.key)), None)
            if upserting.max_staleness is not None:
                table.max_staleness = upserting.max_staleness
        while True:
            found = self._found(table)
            if found is None:
                found = self._made(table)
            schema = merged(str(table.reference), found.schema, parsed)
            if schema == list(found.schema):
                break
            found.schema = schema
            if self._has_changed(found):
                break
        if upserting is not None:
            check_key(str(table.reference), found, upserting.key)
        tell_of_layout(table, found)
        return parsed

    def columns(self, name: str) -> list[tuple[str, ColumnType]] | None:
        """The columns that a table has; None where it is not there."""
        found = self._found(bigquery.Table(f"{self.config.project}.{self.config.dataset}.{name}"))
        return None if found is None else [(field.name, type_of(field)) for field in found.schema]

    def _found(self, table: bigquery.Table) -> bigquery.Table | None:
        what = f"the BigQuery table {table.reference} cannot be read"
        try:
            return self._ask(what, self._client.get_table, table)
        except _Missing:
            return None

    def _made(self, table: bigquery.Table) -> bigquery.Table:
        self._make_dataset()
        what = f"the BigQuery table {table.reference} cannot be made"
        # Another worker may have been faster.
        return self._ask(what, self._client.create_table, table, exists_ok=True)

    def _make_dataset(self) -> None:
        if self._has_dataset:
            return
        name = f"{self.config.project}.{self.config.dataset}"
        try:
            self._ask(f"the BigQuery dataset {name} cannot be read", self._client.get_dataset, name)
        except _Missing:
            dataset = bigquery.Dataset(name)
            if self.config.location:
                dataset.location = self.config.location
            what = f"the BigQuery dataset {name} cannot be made"
            self._ask(what, self._client.create_dataset, dataset, exists_ok=True)
        self._has_dataset = True

    def _has_changed(self, table: bigquery.Table) -> bool:
        """Writes the table's columns; False when somebody has changed the table meanwhile."""
        what = f"columns cannot be added to the BigQuery table {table.reference}"
        try:
            self._ask(what, self._client.update_table, table, ["schema"])
        except exceptions.PreconditionFailed:
            return False
        return True

    def _ask(self, what: str, call: Callable[..., _Answer], *words: Any, **more: Any) -> _Answer:
        outage = Outage(what, self.config.retry_seconds)
        retrying = waiting(
            self.config,
            self._stopped,
            lambda error: _recovery(error) is Recovery.RETRY,
            lambda error: outage.goes_on(shown(*_answer(error))),
        )
        try:
            found: _Answer = retrying(call, *words, retry=None, timeout=_CALL_SECONDS, **more)
        except exceptions.PreconditionFailed:
            raise
        except _ERRORS as error:
            code, details = _answer(error)
            if _recovery(error) is Recovery.RETRY:
                seconds = self.config.retry_seconds
                raise unavailable_error(self.config, what, seconds, shown(code, details)) from error
            if code is grpc.StatusCode.NOT_FOUND and call in (
                self._client.get_table,
                self._client.get_dataset,
            ):
                raise _Missing from error
            raise stop_error(self.config, what, code, details) from error
        outage.ended()
        return found


class _Missing(Exception):
    """What was asked for does not exist."""


def _answer(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The same words for a failed call of the REST API as for one of the Storage API."""
    if isinstance(error, exceptions.GoogleAPICallError):
        reasons = {str(each.get("reason")) for each in error.errors}
        status = int(error.code or _SERVER_ERRORS)
        if status == _TOO_MANY_REQUESTS or reasons & _QUOTA_REASONS:
            return grpc.StatusCode.RESOURCE_EXHAUSTED, str(error.message)
        if status >= _SERVER_ERRORS:
            return grpc.StatusCode.UNAVAILABLE, f"{status} {error.message}"
        return _CODES.get(status, grpc.StatusCode.FAILED_PRECONDITION), str(error.message)
    if isinstance(error, google.auth.exceptions.GoogleAuthError) and not (
        isinstance(error, google.auth.exceptions.TransportError) or error.retryable
    ):
        return grpc.StatusCode.UNAUTHENTICATED, str(error)
    return grpc.StatusCode.UNAVAILABLE, f"{type(error).__name__}: {error}"


def _recovery(error: BaseException) -> Recovery:
    return recovery(*_answer(error)) if isinstance(error, _ERRORS) else Recovery.STOP
