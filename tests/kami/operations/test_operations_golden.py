"""The statements of the operations, as golden files: `make golden` rewrites them."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import os
from pathlib import Path

import pytest
import sqlglot

from kami.checks import checks_of
from kami.compaction_held import known_alone
from kami.compaction_purge import Purge, gone_up_to
from kami.compaction_sql import Relations, render
from kami.history import history_sql
from kami.history_versions import Anchor, columns_sql, old_key_sql
from kami.materialise import LogState
from kami.schema import Dialect
from kami.tables import MYSQL_SOURCE, change_log_columns
from kami.views import newest_rows_sql
from tests.kami.operations.shop import START, order_key, orders

GOLDEN = Path(__file__).parent / "golden"
TAKEN_AT = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
ANCHOR = Anchor(order_key(50, 0), 2**32 + 900, (2**32 + 890, 893), TAKEN_AT)


def compaction(dialect: Dialect) -> str:
    """The statements of a compaction in order."""
    table = orders(dialect)
    relations = Relations.of(table)
    log = [column.name for column in change_log_columns(MYSQL_SOURCE)]
    there = ["_key", "_order_key", "_deleted", "_snapshot_at", "id", "price", "note"]
    columns = columns_sql(table, there)
    filled = dialect == "postgresql"
    anchor = ANCHOR if filled else None
    old_key = old_key_sql(table)
    statements = [
        render("compact_dead_letters.sql.jinja", relations, cut=order_key(100)),
        render(
            "compact_gaps.sql.jinja",
            relations,
            cut=order_key(100),
            places=[
                {"name": relations.log, "is_log": True},
                {"name": relations.archive, "is_log": False},
            ],
        ),
        render("compact_quarantine.sql.jinja", relations, columns=log),
        render(
            "compact_held.sql.jinja",
            relations,
            columns=known_alone(columns),
            old_key=old_key,
            logs=[relations.log],
            anchor=anchor,
        )
        if filled
        else "",
        render("compact_held_more.sql.jinja", relations),
        render("compact_stage.sql.jinja", relations, cut=order_key(100)),
        render("compact_repeated.sql.jinja", relations),
        render("compact_once.sql.jinja", relations),
        render("compact_purge.sql.jinja", relations),
        render(
            "compact_snapshot.sql.jinja",
            relations,
            columns=columns,
            old_key=old_key,
            logs=[relations.staging],
            anchor=anchor,
            has_held=filled,
            newest_truncate=order_key(30),
            started_at=START,
            purge=Purge(START, order_key(20)),
            gone_up_to=gone_up_to(relations, has_anchor=filled),
        ),
        render("compact_superseded.sql.jinja", relations, columns=there),
        render("compact_archive.sql.jinja", relations, columns=log, lowest=order_key(10)),
        render("compact_verify.sql.jinja", relations, columns=log, since=START),
        render(
            "compact_delete.sql.jinja",
            relations,
            cut=order_key(100),
            newest_truncate=order_key(30),
        ),
        render("compact_quarantined.sql.jinja", relations, columns=log),
    ]
    return ";\n".join(statement for statement in statements if statement)


def history(dialect: Dialect) -> str:
    table = orders(dialect)
    relations = Relations.of(table)
    return history_sql(
        table,
        [relations.log, relations.archive],
        [relations.snapshot, relations.superseded],
        ["id", "price"],
        ANCHOR if dialect == "postgresql" else None,
    )


def materialisation(dialect: Dialect) -> str:
    table = orders(dialect)
    relations = Relations.of(table)
    # The view itself has its own golden files.
    view = newest_rows_sql(table, bookkeeping=True).splitlines()[0][:20] + "..."
    names = ["id", "price", "note"]
    old_key = old_key_sql(table) if dialect == "postgresql" else None
    touched = render("materialise_touched.sql.jinja", relations, since=START, old_key=old_key)
    state = LogState(3, START, order_key(30), START, "2/x/y/0")
    return ";\n".join(
        [
            render("materialise_state.sql.jinja", relations),
            render(
                "materialise_reasons.sql.jinja",
                relations,
                since=START,
                anchor=ANCHOR.order_key if dialect == "postgresql" else None,
                toast=dialect == "postgresql",
            ),
            render("materialise_full.sql.jinja", relations, names=names, view=f"-- {view}"),
            render(
                "materialise_merge.sql.jinja",
                relations,
                names=names,
                touched=touched,
                view=f"-- {view}",
            ),
            render(
                "materialise_done.sql.jinja",
                relations,
                place="`shop`.`_materialisations`",
                at=START,
                how="full",
                state=state,
                settled_before=START,
                settled_rows=2,
                view_hash="0123",
            ),
        ]
    )


def checks(dialect: Dialect) -> str:
    return ";\n".join(f"-- {check.name}\n{check.sql}" for check in checks_of(orders(dialect)))


MAKERS = {
    "compaction": compaction,
    "history": history,
    "materialisation": materialisation,
    "checks": checks,
}


@pytest.mark.parametrize("dialect", ["mysql", "postgresql"])
@pytest.mark.parametrize("name", MAKERS)
def test_the_statements_are_those_of_the_golden_file(name: str, dialect: Dialect) -> None:
    made = MAKERS[name](dialect)
    path = GOLDEN / f"{name}_{dialect}.sql"
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = "\n".join(
        difflib.unified_diff(expected.splitlines(), made.splitlines(), str(path), "made now")
    )
    assert not changed, changed


@pytest.mark.parametrize("dialect", ["mysql", "postgresql"])
def test_the_statements_are_sql_of_bigquery_whatever_the_names(dialect: Dialect) -> None:
    table = orders(dialect)
    columns = tuple(
        dataclasses.replace(column, name={"note": "or`der 'x'"}.get(column.name, column.name))
        for column in table.table.columns
    )
    odd = dataclasses.replace(table, table=dataclasses.replace(table.table, columns=columns))
    relations = Relations.of(odd)
    text = history_sql(odd, [relations.log], [relations.snapshot], ["id"])
    assert sqlglot.parse_one(text, read="bigquery")
    for check in checks_of(odd):
        assert sqlglot.parse_one(check.sql, read="bigquery")
