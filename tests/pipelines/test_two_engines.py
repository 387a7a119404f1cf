"""The same row-wise statements in-process and by Beam SQL: the same rows, and where they differ."""

# ruff: noqa: S608 (no database gets these)

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines import aml
from tests.pipelines.engine_runs import LOCAL, flink_flags, prism_flags, run_engine
from tests.pipelines.recorded import event, write_recording
from transforms.sql.beam_sql_job import Engine

FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "long"},
    {"name": "i", "type": ["null", "int"]},
    {"name": "b", "type": ["null", "long"]},
    {"name": "s", "type": ["null", "string"]},
    {
        "name": "d",
        "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}],
    },
    {
        "name": "w",
        "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 10}],
    },
    {"name": "f", "type": ["null", "double"]},
    {"name": "flag", "type": ["null", "boolean"]},
]
LONGEST = Decimal("9999999999999999999999999999.9999999999")
ROWS: list[tuple[Any, ...]] = [
    (1, 5, 7, "abc", Decimal("1.50"), Decimal("12345678901234567890.0123456789"), 2.5, True),
    (2, None, None, None, None, None, None, None),
    (3, 2**31 - 1, 2**63 - 1, "Ünïcödé 日本語 👩‍💻", Decimal("99999999.99"), LONGEST, -0.0, False),
    (4, -7, -(2**63), "  pad  ", Decimal("-1.55"), Decimal("-0.0000000001"), 1e300, True),
    (5, 0, 0, "", Decimal("0.00"), Decimal("0E-10"), 0.1, False),
    (6, -1, -1, "12", Decimal("-0.01"), Decimal("1.0000000000"), -3.7, None),
]
SAME = {
    "BIGINT": "i + 1; b + 1; i * 2; b * 2; i / 2; b / 3; i % 3; -i; CHAR_LENGTH(UPPER(s)) * 0; "
    "POSITION('n' IN s); NULLIF(i, 5); CAST(i AS BIGINT); CAST(d AS INT); ABS(i); SIGN(i); "
    "IF(i > 0, 1, 2)",
    "DECIMAL(38, 10)": "d + 1; d * d; d - 0.05; d / 3; w; w + d; ABS(d); CEIL(d); FLOOR(d); "
    "ROUND(d, 1); CAST(i AS DECIMAL(12, 2)); CASE WHEN i > 0 THEN d ELSE 0.55 END; "
    "COALESCE(d, 7.25); CASE WHEN i > 0 THEN w ELSE CAST(d AS DECIMAL(15, 2)) END; NULLIF(d, 1.5)",
    "DOUBLE": "f; f * 2; f + 0.5; f / (f - f); POWER(f, 2); CAST(i AS DOUBLE); CAST(d AS DOUBLE); "
    "EXP(i)",
    "STRING": "s; UPPER(s); LOWER(s); INITCAP(s); s || '!'; SUBSTRING(s FROM 2 FOR 3); TRIM(s); "
    "COALESCE(s, 'none'); CAST(i AS STRING); CAST(b AS STRING); CAST(flag AS STRING); "
    "CASE WHEN i > 0 THEN 'p' WHEN i < 0 THEN 'n' ELSE 'z' END",
    "BOOLEAN": "flag AND i > 0; flag OR i > 0; NOT flag; s IS NULL; s LIKE '%c%'; s > 'a'; f = 0; "
    "i BETWEEN -5 AND 5; i IN (5, 0); s = 'abc'; d > 1",
}
# Expression and type, the row, and the value of each engine.
DIFFERENT: list[tuple[str, str, int, Any, Any]] = [
    ("CHAR_LENGTH(s)", "INT", 3, 15, 17),
    ("CAST(d AS STRING)", "STRING", 6, "-0.01", "-.01"),
    ("CAST(f AS STRING)", "STRING", 3, "-0.0", "0E0"),
    ("CAST(d AS DECIMAL(10, 1))", "DECIMAL(10, 1)", 4, Decimal("-1.6"), Decimal("-1.5")),
]
# Where the in-process engine once was wrong, and Beam SQL right.
ONCE_WRONG = [("MOD(b, 5)", "BIGINT", 4), ("f / 3", "DOUBLE", 1)]
# What stops Beam SQL's whole job, and whether in-process it is a dead letter of that row alone:
# CAST of too large a number begins again at the lowest there, as Flink's does.
STOPPING = [("i / (i - i)", True), ("CAST(s AS INT)", True), ("CAST(b AS INT)", False)]
SINK = "WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/o.jsonl', 'format' = 'json')"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """CREATE TABLE t over a recording of ROWS."""
    names = [field["name"] for field in FIELDS]
    rows = [dict(zip(names, row, strict=True)) for row in ROWS]
    folder = tmp_path_factory.mktemp("made") / "recording"
    write_recording(folder, [event("c", row) for row in rows], FIELDS)
    return (
        "CREATE TABLE t (id BIGINT, i INT, b BIGINT, s STRING, d DECIMAL(10, 2), "
        "w DECIMAL(38, 10), f DOUBLE, flag BOOLEAN) "
        f"WITH ('connector' = 'recording', 'path' = '{folder}');"
    )


def script(source: str, columns: list[tuple[str, str]]) -> str:
    names = ", ".join(f"c{number} {kind}" for number, (_, kind) in enumerate(columns))
    values = ", ".join(expression for expression, _ in columns)
    return (
        f"{source} CREATE TABLE o (id BIGINT, {names}) {SINK}; "
        f"INSERT INTO o SELECT id, {values} FROM t;"
    )


def by_engine(text: str, folder: Path, expansion: str) -> list[dict[str, list[dict[str, Any]]]]:
    """What a script writes, in-process and by Beam SQL."""
    return [
        run_engine(text, folder / engine.value, expansion, engine)
        for engine in (Engine.IN_PROCESS, Engine.BEAM)
    ]


def by_id(rows: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    return {row["id"]: row for row in rows}


@pytest.fixture(scope="module")
def compared(
    beam_java: Any, source: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[dict[Any, Any], dict[Any, Any]]]:
    """Each expression's values by id, in-process and by Beam SQL; both engines run once."""
    columns = [(one, kind) for kind, text in SAME.items() for one in text.split("; ")]
    columns += [(str(one[0]), str(one[1])) for one in (*DIFFERENT, *ONCE_WRONG)]
    folder = tmp_path_factory.mktemp("engines")
    found = by_engine(script(source, columns), folder, beam_java.expansion_address)
    ours, theirs = (by_id(one["o"]) for one in found)
    assert [one["dead_letters"] for one in found] == [[], []]
    assert set(ours) == set(theirs) == {row[0] for row in ROWS}
    return {
        expression: (
            {key: row[f"c{number}"] for key, row in ours.items()},
            {key: row[f"c{number}"] for key, row in theirs.items()},
        )
        for number, (expression, _) in enumerate(columns)
    }


@pytest.mark.parametrize("expression", [one for text in SAME.values() for one in text.split("; ")])
def test_both_engines_give_the_same_values(expression: str, compared: Any) -> None:
    ours, theirs = compared[expression]
    # By their texts, or -0.0 would be 0.0.
    assert {key: repr(value) for key, value in ours.items()} == {
        key: repr(value) for key, value in theirs.items()
    }


@pytest.mark.parametrize(("expression", "kind", "row", "ours", "theirs"), DIFFERENT)
def test_a_known_difference_is_as_the_docs_say(
    expression: str, kind: str, row: int, ours: Any, theirs: Any, compared: Any
) -> None:
    assert (compared[expression][0][row], compared[expression][1][row]) == (ours, theirs), kind


@pytest.mark.parametrize(("expression", "kind", "row"), ONCE_WRONG)
def test_the_in_process_engine_computes_as_java_does(
    expression: str, kind: str, row: int, compared: Any
) -> None:
    assert compared[expression][0][row] == compared[expression][1][row], kind


@pytest.mark.parametrize(("expression", "refused"), STOPPING)
def test_a_value_that_java_refuses_stops_beam_sql_and_never_the_in_process_engine(
    expression: str, refused: bool, source: str, beam_java: Any, tmp_path: Path
) -> None:
    text = script(source, [(expression, "INT")])
    expansion = beam_java.expansion_address
    found = run_engine(text, tmp_path / "ours", expansion, Engine.IN_PROCESS)
    assert bool(found["dead_letters"]) == refused
    assert len(found["o"]) + len(found["dead_letters"]) == len(ROWS)
    with pytest.raises(RuntimeError):
        run_engine(text, tmp_path / "theirs", expansion, Engine.BEAM)


def test_the_recorded_changes_come_out_the_same(beam_java: Any, tmp_path: Path) -> None:
    tables = aml.SCRIPT.read_text(encoding="utf-8")
    tables = tables[tables.index("CREATE TABLE transfers") : tables.index("CREATE TABLE customers")]
    text = f"""{tables}
    CREATE TABLE o (
      id STRING, who STRING, amount DECIMAL(16, 2), large BOOLEAN, place STRING,
      what ROW<op STRING, customer BIGINT>
    ) {SINK};
    CREATE VIEW v AS SELECT CAST(id AS STRING) AS id, counterparty_name AS who, amount, currency,
      counterparty_country AS place, op, customer_id FROM transfers
      UNION ALL SELECT id, UPPER(TRIM(merchant_name)), CAST(amount AS DECIMAL(15, 2)), currency,
      merchant_country, op, customer_id FROM card_payments;
    INSERT INTO o SELECT id, who || ' (' || currency || ')', amount * 2, amount > 1000 OR op = 'd',
      COALESCE(place, 'unknown'), (op, customer_id + 1) FROM v WHERE op <> 'r' AND op <> 't';
    """
    found = [
        run_engine(
            text,
            tmp_path / engine.value,
            beam_java.expansion_address,
            engine,
            recording=str(aml.RECORDING),
        )
        for engine in (Engine.IN_PROCESS, Engine.BEAM)
    ]
    ours, theirs = (sorted(map(repr, one["o"])) for one in found)
    assert len(ours) > 1_400
    assert ours == theirs


@pytest.mark.parametrize("runner", ["local", "prism", "flink"])
def test_a_sum_keeps_all_digits_on_every_runner(
    runner: str, source: str, beam_java: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    flags: tuple[str, ...] = LOCAL
    if runner != "local":
        server = request.getfixturevalue(runner)
        flags = prism_flags(server) if runner == "prism" else flink_flags(server)
    # The rows 1 and 4 add up; 3 and 6 are left out, whose sum has more than 38 digits.
    text = (
        f"{source} CREATE TABLE o (id BIGINT, total DECIMAL(38, 10), largest DECIMAL(38, 10)) "
        f"{SINK}; INSERT INTO o SELECT MOD(id, 3), SUM(w), MAX(w) FROM t WHERE id <> 6 "
        "GROUP BY MOD(id, 3);"
    )
    found = run_engine(text, tmp_path, beam_java.expansion_address, flags=flags)
    first = Decimal("12345678901234567890.0123456789")
    assert found["dead_letters"] == []
    assert {row["id"]: (row["total"], row["largest"]) for row in found["o"]} == {
        0: (LONGEST, LONGEST),
        1: (Decimal("12345678901234567890.0123456788"), first),
        2: (0, 0),
    }


@pytest.mark.parametrize(
    ("column", "kind"), [("b", "BIGINT"), ("i", "INT"), ("w", "DECIMAL(38, 10)")]
)
def test_a_sum_that_its_type_does_not_hold_is_a_dead_letter(
    column: str, kind: str, source: str, beam_java: Any, tmp_path: Path
) -> None:
    # Twice the row 3, which has the largest values, and the row 1 alone.
    text = (
        f"{source} CREATE VIEW v AS SELECT * FROM t UNION ALL SELECT * FROM t WHERE id = 3; "
        f"CREATE TABLE o (id BIGINT, total {kind}) {SINK}; "
        f"INSERT INTO o SELECT id, SUM({column}) FROM v WHERE id IN (1, 3) GROUP BY id;"
    )
    found = run_engine(text, tmp_path, beam_java.expansion_address)
    assert [row["id"] for row in found["o"]] == [1]
    (letter,) = found["dead_letters"]
    assert letter["error_class"] == "ValueRefused"
    assert letter["statement"] == "o"
