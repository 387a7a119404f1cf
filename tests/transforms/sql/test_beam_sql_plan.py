"""What goes to Beam SQL of a statement, and what statements cannot say."""

# ruff: noqa: S608 (no database gets these)

from __future__ import annotations

import pytest

import transforms.sql.functions
from tests.transforms.sql.job_runs import SINK, source_options
from transforms.sql.beam_sql_explain import beam_sql_lines
from transforms.sql.beam_sql_job import Engine, plan_engines
from transforms.sql.beam_sql_plan import BeamSqlBranch
from transforms.sql.errors import Script, SqlErrors
from transforms.sql.job import compile_job
from transforms.sql.windows import Window, WindowKind

assert transforms.sql.functions  # Importing it registers the functions.

MINUTE = 60_000_000
TABLES = f"""
CREATE TABLE t (
  id BIGINT, name STRING, amount DECIMAL(10, 2), rate DOUBLE, at TIMESTAMP(3), wide ROW<x INT>,
  proctime AS PROCTIME(),
  WATERMARK FOR at AS at - INTERVAL '90' SECOND
) {source_options()};
CREATE TABLE u (id BIGINT, note STRING, at TIMESTAMP_LTZ(3)) {source_options()};
CREATE TABLE o (a BIGINT, b STRING) {SINK};
"""
HOP = "TABLE(HOP(TABLE t, DESCRIPTOR(at), INTERVAL '5' MINUTES, INTERVAL '1' HOUR))"
GROUP = "GROUP BY name, window_start, window_end"


def planned(insert: str, engine: Engine = Engine.AUTO) -> BeamSqlBranch:
    job = compile_job(Script("job.sql", f"{TABLES} INSERT INTO o {insert};"), {})
    (branch,) = plan_engines(job, engine).beam_sql
    return branch


def refused(insert: str, engine: Engine = Engine.AUTO) -> str:
    with pytest.raises(SqlErrors) as refusal:
        planned(insert, engine)
    return str(refusal.value)


def test_beam_sql_gets_groups_and_aggregates_of_plain_columns() -> None:
    branch = planned(
        "SELECT COUNT(*) FILTER (WHERE amount > 1), UPPER(name) || CAST(AVG(amount) AS STRING) "
        f"FROM {HOP} WHERE id > 0 {GROUP} HAVING MAX(rate) > 0.5"
    )
    assert branch.query == (
        "SELECT k0, COUNT(a0) AS a0, SUM(a1) AS a1, COUNT(a1) AS a1n, MAX(a2) AS a2 "
        "FROM PCOLLECTION GROUP BY k0"
    )
    assert branch.window == Window(WindowKind.HOP, 60 * MINUTE, 5 * MINUTE)
    assert branch.reason == "HOP"
    (given,) = branch.inputs
    assert [name for name, _ in given.columns()] == ["k0", "a0", "a1", "a2", "ts"]
    assert given.delay == 90_000_000
    assert [len(given.branches[0].steps), len(branch.result.steps)] == [1, 1]


@pytest.mark.parametrize(
    ("function", "window"),
    [
        ("TUMBLE(at, INTERVAL '1' HOUR)", Window(WindowKind.TUMBLE, 60 * MINUTE, 60 * MINUTE)),
        (
            "HOP(at, INTERVAL '1' MINUTE, INTERVAL '2' MINUTE)",
            Window(WindowKind.HOP, 2 * MINUTE, MINUTE),
        ),
        ("SESSION(at, INTERVAL '30' MINUTE)", Window(WindowKind.SESSION, 30 * MINUTE, 30 * MINUTE)),
    ],
)
def test_a_window_may_stand_in_the_group_by_clause(function: str, window: Window) -> None:
    name, _, arguments = function.partition("(")
    start = f"{name}_START({arguments}"
    branch = planned(f"SELECT COUNT(*), CAST({start} AS STRING) FROM t GROUP BY id, {function}")
    assert branch.window == window
    assert branch.bounded_only is None


def test_a_group_without_a_window_needs_an_input_that_ends() -> None:
    branch = planned("SELECT COUNT(*), name FROM t GROUP BY name")
    assert branch.bounded_only is not None
    assert "TUMBLE" in branch.bounded_only


def test_a_view_with_windows_is_read_row_by_row() -> None:
    insert = (
        f"SELECT n, UPPER(name) FROM (SELECT name, COUNT(*) AS n FROM {HOP} {GROUP}) WHERE n > 3"
    )
    assert len(planned(insert).result.steps) == 1


def test_streams_are_joined_by_equal_columns_of_one_window() -> None:
    second = HOP.replace("TABLE t", "TABLE u")
    branch = planned(
        f"SELECT l.id, r.note FROM {HOP} AS l JOIN {second} AS r ON l.id = r.id AND "
        "l.window_start = r.window_start AND l.window_end = r.window_end AND r.note <> l.name"
    )
    assert [one.name for one in branch.inputs] == ["t0", "t1"]
    assert branch.query.endswith("FROM t0 JOIN t1 ON t0.k0 = t1.k0")
    # Beam SQL takes NULL for equal to NULL, so that rows with such keys stay here.
    assert [len(one.branches[0].steps) for one in branch.inputs] == [1, 1]


def test_a_row_wise_statement_goes_to_beam_sql_as_a_whole_if_told() -> None:
    branch = planned("SELECT id + 1, name FROM t WHERE amount > 1", Engine.BEAM)
    assert branch.query == (
        "SELECT `id` + 1 AS `c0`, `name` AS `c1` FROM (SELECT `id`, `name`, "
        "CAST(`amount` AS DECIMAL(10, 2)) AS `amount` FROM PCOLLECTION) AS `t` WHERE `amount` > 1"
    )
    assert branch.reason == "--sql_engine=beam"


@pytest.mark.parametrize(
    ("insert", "message"),
    [
        (f"SELECT id, name FROM {HOP} {GROUP}", "id is neither in GROUP BY nor in an aggregate"),
        (f"SELECT COUNT(*), name FROM {HOP} GROUP BY name", "GROUP BY window_start, window_end"),
        (f"SELECT id, name FROM {HOP}", "without GROUP BY"),
        (f"SELECT COUNT(DISTINCT id), name FROM {HOP} {GROUP}", "without DISTINCT"),
        (f"SELECT COUNT(*), LISTAGG(name) FROM {HOP} {GROUP}", "LISTAGG is not supported"),
        (f"SELECT SUM(name), name FROM {HOP} {GROUP}", "expected a number"),
        (f"SELECT COUNT(*), name FROM {HOP} {GROUP} ORDER BY name", "ORDER is not supported"),
        ("SELECT COUNT(*), '' FROM t GROUP BY rate", "no key of a group"),
        ("SELECT COUNT(*), '' FROM t GROUP BY wide", "ROW does not go to Beam SQL"),
        (
            f"SELECT COUNT(*), name FROM {HOP.replace('(at)', '(id)')} {GROUP}",
            "a window goes over a TIMESTAMP",
        ),
        (
            f"SELECT COUNT(*), name FROM {HOP.replace('5', '7')} {GROUP}",
            "is no multiple of the slide 7 min",
        ),
        (
            f"SELECT COUNT(*), name FROM {HOP.replace('MINUTES', 'MONTH')} {GROUP}",
            "months differ in length",
        ),
        ("SELECT t.id, note FROM t JOIN u ON t.id > u.id", "no pair of equal columns"),
        ("SELECT t.id, note FROM t FULL JOIN u ON t.id = u.id", "FULL JOIN of streams"),
        (
            f"SELECT l.id, note FROM {HOP} AS l JOIN {HOP.replace('TABLE t', 'TABLE u')} AS r "
            "ON l.id = r.id",
            "rows of one window are joined",
        ),
    ],
)
def test_what_beam_sql_cannot_do_is_told_with_the_way_out(insert: str, message: str) -> None:
    told = refused(insert)
    assert message in told
    assert told.startswith("job.sql:")


def test_windows_without_beam_sql_are_an_error_that_says_why() -> None:
    told = refused(f"SELECT COUNT(*), name FROM {HOP} {GROUP}", Engine.IN_PROCESS)
    assert "HOP looks at several rows" in told
    assert "drop the flag" in told


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("id, FORMAT_DATE_ANY(name, 'yyyy', 'yy')", "Beam SQL has no FORMAT_DATE_ANY"),
        ("TRY_CAST(name AS BIGINT), name", "no TRY_CAST"),
        ("wide.x, name", "ROW"),
    ],
)
def test_a_function_that_beam_sql_lacks_is_told_at_its_place(select: str, message: str) -> None:
    told = refused(f"SELECT {select} FROM t", Engine.BEAM)
    assert message in told
    assert told.startswith("job.sql:")


def test_the_plan_says_which_engine_runs_what_and_why() -> None:
    text = "\n".join(beam_sql_lines(planned(f"SELECT COUNT(*), name FROM {HOP} {GROUP}")))
    assert "engine: beam sql, because it has HOP" in text
    assert "input PCOLLECTION from t: k0 STRING, ts BIGINT" in text
    assert "window: HOP of 1 h every 5 min; rows may be 90 s late" in text
    assert "query: SELECT k0, COUNT(*) AS a0 FROM PCOLLECTION GROUP BY k0" in text
    row_wise = "\n".join(beam_sql_lines(planned("SELECT id, name FROM t", Engine.BEAM)))
    assert "engine: beam sql, because of --sql_engine=beam" in row_wise
