"""What a reconciliation tells: one line a table, and one a row that differs."""

from __future__ import annotations

import json
from typing import NamedTuple

from kami.reconcile_compare import ADDED, MISSING, REPEATED, Comparison, Difference

MAX_SHOWN = 200
"""Characters of a value in a report for people; JSON has all of them."""


class TableReport(NamedTuple):
    """The comparison of a table.

    `position`: the order key that the god view was compared as of; None: as it is now.
    `left_out`: columns that were not compared.
    """

    table: str
    comparison: Comparison
    position: str | None = None
    left_out: tuple[str, ...] = ()
    note: str = ""


def summary_row(report: TableReport) -> dict[str, object]:
    """The table's line."""
    found = report.comparison
    return {
        "table": report.table,
        "equal": found.is_equal,
        "database_rows": found.database_rows,
        "god_view_rows": found.god_view_rows,
        "differing_rows": found.differing_rows,
        "differing_key_ranges": found.differing_ranges,
        "position": report.position,
        "not_compared": ", ".join(report.left_out),
        "note": report.note,
    }


def json_report(report: TableReport) -> dict[str, object]:
    """The table's line with its differences, for programs."""
    differences = [
        {
            "kind": one.kind,
            "key": one.key,
            "columns": {
                name: {"database": theirs, "god_view": ours}
                for name, (theirs, ours) in one.columns.items()
            },
        }
        for one in report.comparison.differences
    ]
    return {
        **summary_row(report),
        "not_compared": list(report.left_out),
        "differences": differences,
    }


def difference_line(table: str, one: Difference) -> str:
    """A sentence about a row."""
    key = json.dumps(one.key, ensure_ascii=False)
    if one.kind == MISSING:
        return f"{table} {key}: the god view lacks it"
    if one.kind == ADDED:
        return f"{table} {key}: the database does not have it"
    if one.kind == REPEATED:
        theirs, ours = one.columns["count"]
        return f"{table} {key}: {theirs} times in the database, {ours} times in the god view"
    columns = "; ".join(
        f"{name} is {_shown(theirs)} in the database, {_shown(ours)} in the god view"
        for name, (theirs, ours) in one.columns.items()
    )
    return f"{table} {key}: {columns}"


def _shown(text: str | None) -> str:
    if text is None:
        return "NULL"
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(text)} characters)"
    return repr(cut)
