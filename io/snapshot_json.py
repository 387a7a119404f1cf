"""Snapshots that were made elsewhere: a JSON file of tables and their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pipeline_io.snapshot_errors import SnapshotError

FORM = '{"table": [{"column": value, ...}, ...], ...}'


class SnapshotJsonError(SnapshotError):
    """A file that holds no snapshot; the message says what was expected."""


def read_snapshot_json(path: str) -> dict[str, list[dict[str, object]]]:
    """The rows of each table as they stand in the file, by the table's name there.

    The whole file is held in memory: it is for tests and for repairs by hand.

    Raises SnapshotJsonError.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        tables = json.loads(text, parse_constant=_refuse_constant)
    except (OSError, ValueError) as error:
        message = f"{path}: {error}; expected a JSON file {FORM}"
        raise SnapshotJsonError(message) from error
    if not isinstance(tables, dict):
        message = f"{path} holds a {type(tables).__name__}; expected {FORM}"
        raise SnapshotJsonError(message)
    for name, rows in tables.items():
        if not isinstance(rows, list):
            message = f"{path}: table {name!r} is a {type(rows).__name__}; expected {FORM}"
            raise SnapshotJsonError(message)
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                message = f"{path}: row {number} of table {name!r} is {row!r}; expected {FORM}"
                raise SnapshotJsonError(message)
    return tables


def row_texts(rows: list[dict[str, object]]) -> list[str]:
    """Each row as the text of a JSON object, as `_snapshot_rows` holds it."""
    return [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]


def plain_names(names: Mapping[str, object], *, has_schemas: bool) -> dict[str, str]:
    """{the table's name in the dataset: its name in the file}.

    A name in the file is `items`, `public.items` where the source has schemas, `db.items` where it
    has databases: a schema but `public` becomes part of the name, the one database does not.

    Raises SnapshotJsonError for several databases, and for names that are one in the dataset.
    """
    plain: dict[str, str] = {}
    databases: set[str] = set()
    for name in names:
        first, dot, last = name.rpartition(".")
        if not last or (dot and not first):
            message = f"{name!r} is no table's name; expected 'items', 'public.items' or 'db.items'"
            raise SnapshotJsonError(message)
        if first and not has_schemas:
            databases.add(first)
        one = f"{first}_{last}" if first and has_schemas and first != "public" else last
        if one in plain:
            message = (
                f"the tables {plain[one]!r} and {name!r} are both {one!r} in the dataset; give "
                "them to two sources with names of their own"
            )
            raise SnapshotJsonError(message)
        plain[one] = name
    if len(databases) > 1:
        message = (
            f"the file has tables of {len(databases)} databases ({', '.join(sorted(databases))}); "
            "a source is one database: make a file and a --source_name for each"
        )
        raise SnapshotJsonError(message)
    return plain


def _refuse_constant(text: str) -> object:
    message = f'{text} is no JSON; write it as a text, "{text}"'
    raise ValueError(message)
