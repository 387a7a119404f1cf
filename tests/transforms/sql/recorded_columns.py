"""One column of a recorded table after a replay through a job, beside the database's own text."""

from __future__ import annotations

import functools
import json
from typing import Any, NamedTuple

from tests.transforms.sql.database_texts import Reader
from tests.transforms.sql.job_runs import RECORDINGS, recorded, run, script

REFUSED = "refused"
"""In place of the value of a row whose newest event is a dead letter."""

EDGES = {*range(51, 66), *range(71, 86)}
"""Ids of rows of which Debezium writes something else than the database prints."""


class Replayed(NamedTuple):
    """The values by id when all is over, and the messages of what was refused."""

    values: dict[int, Any]
    messages: list[str]


@functools.cache
def _events(recording: str) -> dict[int, tuple[int, str]]:
    """id and op of each event by its offset."""
    text = script(
        "id INT, op STRING METADATA, `offset` BIGINT METADATA",
        "id INT, op STRING, `offset` BIGINT",
        "id, op, `offset`",
    )
    rows = run(text, recorded(recording, ".all_types")).only()
    return {row["offset"]: (row["id"], row["op"]) for row in rows}


def replayed(recording: str, column: str, declared: str) -> Replayed:
    """What the table all_types has in a column declared so."""
    text = script(
        f"{column} {declared}, `offset` BIGINT METADATA",
        f"v {declared}, `offset` BIGINT",
        f"{column}, `offset`",
    )
    source = recorded(recording, ".all_types")
    ran = run(text.replace("'json')", "'json', 'json.decimal-as-string' = 'true')"), source)
    ran.check_sums()
    values = {row["offset"]: row["v"] for row in ran.only()}
    offsets = source.records.column("offset").to_pylist()
    refused = {offsets[refusal.position] for refusal in ran.refusals}
    table: dict[int, Any] = {}
    for offset, (key, op) in _events(recording).items():
        assert (offset in values) != (offset in refused)
        if op == "d":
            del table[key]
        else:
            table[key] = REFUSED if offset in refused else values[offset]
    return Replayed(table, [refusal.message for refusal in ran.refusals])


@functools.cache
def _final(recording: str) -> list[dict[str, str | None]]:
    file = RECORDINGS / recording / "final.json"
    rows: list[dict[str, str | None]] = json.loads(file.read_text(encoding="utf-8"))["all_types"]
    return rows


def printed(recording: str, column: str, reader: Reader, *, edges: bool = False) -> dict[int, Any]:
    """What the database printed at the end, as JSON values by id; without the EDGES unless asked
    for, where they are not NULL."""
    return {
        key: None if text is None else reader(text)
        for key, text in ((int(row["id"] or 0), row[column]) for row in _final(recording))
        if edges or text is None or key not in EDGES
    }
