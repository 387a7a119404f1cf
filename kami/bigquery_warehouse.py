"""The warehouse in BigQuery."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal

import google.api_core.exceptions
import google.auth.exceptions
import pyarrow as pa
import pyarrow.parquet
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from kami.errors import KamiError, UnreachableError
from kami.warehouse import Kind, table_sql

EMULATOR = "BIGQUERY_EMULATOR_HOST"
"""The environment variable that google-cloud-bigquery reads too: http://HOST:PORT."""
_PAGE_ROWS = 10_000
_AWAY = (
    google.api_core.exceptions.ServiceUnavailable,
    google.api_core.exceptions.GatewayTimeout,
    google.api_core.exceptions.RetryError,
    google.auth.exceptions.GoogleAuthError,
    ConnectionError,
    TimeoutError,
)


class BigQueryWarehouse:
    """A project's datasets; jobs run in the location of the datasets they name."""

    kind: Literal["duckdb", "bigquery"] = "bigquery"

    def __init__(self, project: str) -> None:
        self.place = f"project {project}"
        self._project = project
        with self._told(""):
            self._client = _client(project)

    def run(self, bigquery_sql: str) -> None:
        with self._told(bigquery_sql):
            self._client.query(bigquery_sql).result()

    def query(self, bigquery_sql: str) -> pa.Table:
        with self._told(bigquery_sql):
            found: pa.Table = self._rows(bigquery_sql).to_arrow(create_bqstorage_client=False)
            return found

    def stream(self, bigquery_sql: str) -> Iterator[pa.RecordBatch]:
        with self._told(bigquery_sql):
            yield from self._rows(bigquery_sql).to_arrow_iterable()

    def datasets(self) -> set[str]:
        with self._told("the list of datasets"):
            return {str(found.dataset_id) for found in self._client.list_datasets()}

    def tables(self, dataset: str) -> dict[str, Kind]:
        with self._told(f"the list of tables of {dataset}"):
            try:
                found = list(self._client.list_tables(f"{self._project}.{dataset}"))
            except google.api_core.exceptions.NotFound:
                return {}
        return {str(one.table_id): "view" if one.table_type == "VIEW" else "table" for one in found}

    def columns(self, dataset: str, table: str) -> dict[str, str] | None:
        found = self._table(dataset, table)
        return None if found is None else {field.name: _type(field) for field in found.schema}

    def same_type(self, wanted: str, found: str) -> bool:
        # A table made by a query has no digits in its types, which hold those of every column.
        return _spelled(found) in (_spelled(wanted), _spelled(wanted).partition("(")[0])

    def definition(self, dataset: str, view: str) -> str | None:
        found = self._table(dataset, view)
        return None if found is None or found.view_query is None else str(found.view_query)

    def create_view(self, dataset: str, view: str, bigquery_sql: str) -> None:
        self.run(f"CREATE OR REPLACE VIEW {table_sql(dataset, view)} AS\n{bigquery_sql}")

    def append(self, dataset: str, table: str, rows: pa.Table) -> None:
        """By a load job of Parquet: all rows or none."""
        columns = self.columns(dataset, table) or {}
        rows = _with_types(rows)
        # Parquet has no JSON that a load job knows: such columns go by a table beside it.
        if any(columns.get(name) == "JSON" for name in rows.column_names):
            self._append_json(dataset, table, rows, columns)
        else:
            self._load(f"{dataset}.{table}", rows, "WRITE_APPEND")

    def dry_run_bytes(self, bigquery_sql: str) -> int | None:
        """None too where a table of the query is not there yet."""
        options = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
        with self._told(bigquery_sql):
            try:
                job = self._client.query(bigquery_sql, job_config=options)
            except google.api_core.exceptions.NotFound:
                return None
        return None if job.total_bytes_processed is None else int(job.total_bytes_processed)

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]

    def __enter__(self) -> BigQueryWarehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, bigquery_sql: str) -> Any:
        return self._client.query(bigquery_sql).result(page_size=_PAGE_ROWS)

    def _table(self, dataset: str, table: str) -> bigquery.Table | None:
        with self._told(f"the table {dataset}.{table}"):
            try:
                return self._client.get_table(f"{self._project}.{dataset}.{table}")
            except google.api_core.exceptions.NotFound:
                return None

    def _load(self, name: str, rows: pa.Table, disposition: str) -> None:
        options = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition=disposition,
            # Without these a decimal with more digits than NUMERIC has is refused.
            decimal_target_types=["NUMERIC", "BIGNUMERIC", "STRING"],
        )
        file = io.BytesIO()
        pyarrow.parquet.write_table(rows, file)
        file.seek(0)
        with self._told(f"a load of {rows.num_rows} rows into {name}"):
            self._client.load_table_from_file(
                file, f"{self._project}.{name}", job_config=options
            ).result()

    def _append_json(
        self, dataset: str, table: str, rows: pa.Table, columns: dict[str, str]
    ) -> None:
        loaded = f"_{table}_loaded"
        self._load(f"{dataset}.{loaded}", rows, "WRITE_TRUNCATE")
        names = ", ".join(f"`{name}`" for name in rows.column_names)
        values = ", ".join(
            f"SAFE.PARSE_JSON(`{name}`, wide_number_mode=>'round')"
            if columns.get(name) == "JSON"
            else _as(columns.get(name, ""), name)
            for name in rows.column_names
        )
        self.run(
            f"INSERT INTO {table_sql(dataset, table)} ({names}) "  # noqa: S608
            f"SELECT {values} FROM {table_sql(dataset, loaded)}"
        )
        self.run(f"DROP TABLE {table_sql(dataset, loaded)}")

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """An error in the block tells the project and what was asked of it."""
        try:
            yield
        except _AWAY as error:
            message = (
                f"BigQuery's {self.place} does not answer: {error}; check the network, the "
                f"credentials, and {EMULATOR} if it is set"
            )
            raise UnreachableError(message) from error
        except google.api_core.exceptions.GoogleAPIError as error:
            message = f"BigQuery's {self.place}: {error}\nin: {what}"
            raise KamiError(message) from error


def _client(project: str) -> bigquery.Client:
    host = os.environ.get(EMULATOR)
    if not host:
        return bigquery.Client(project=project)
    address = host if "://" in host else f"http://{host}"
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(api_endpoint=address),
    )


def _as(of: str, name: str) -> str:
    """SQL of a loaded column in the type of a table's: a load of Parquet chooses its own."""
    return f"CAST(`{name}` AS {of.partition('(')[0]})" if of and "<" not in of else f"`{name}`"


def _with_types(rows: pa.Table) -> pa.Table:
    """With text for columns of NULLs alone, which a load job would take for integers."""
    fields = [
        field.with_type(pa.string()) if pa.types.is_null(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))


_STANDARD = {
    "INTEGER": "INT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}


def _type(field: bigquery.SchemaField) -> str:
    """The type as BigQuery's DDL has it."""
    of = _STANDARD.get(field.field_type, field.field_type)
    if of in ("RECORD", "STRUCT"):
        of = f"STRUCT<{', '.join(f'`{inner.name}` {_type(inner)}' for inner in field.fields)}>"
    elif field.precision is not None:
        of = f"{of}({field.precision}, {field.scale or 0})"
    return f"ARRAY<{of}>" if field.mode == "REPEATED" else str(of)


def _spelled(of: str) -> str:
    return of.replace(" ", "").upper()
