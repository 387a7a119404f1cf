"""What a script declares: settings, names, and which mistakes follow from others."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from transforms.sql.errors import Script, SqlErrors
from transforms.sql.expression import FUNCTIONS
from transforms.sql.job import Job, compile_job
from transforms.sql.run import JobText

ITEMS = "CREATE TABLE items (id BIGINT) WITH ('connector' = 'recording', 'path' = 'r');"
SINK = "CREATE TABLE sink (id BIGINT) WITH ('connector' = 'print');"
INSERT = "INSERT INTO sink SELECT id FROM items;"
VIEW = "CREATE VIEW v AS SELECT id FROM items;"


def job(text: str) -> Job:
    return compile_job(Script("job.sql", text), {})


def messages(text: str) -> list[str]:
    with pytest.raises(SqlErrors) as raised:
        JobText(Script("job.sql", text), {}).compile()
    return [error.message for error in raised.value.errors]


def test_one_insert_has_the_name_of_its_sink_and_several_a_number_behind_it() -> None:
    assert [one.name for one in job(ITEMS + SINK + INSERT).inserts] == ["sink"]
    two = job(ITEMS + SINK + INSERT + f"EXECUTE STATEMENT SET BEGIN {INSERT} END;")
    assert [one.name for one in two.inserts] == ["sink#1", "sink#2"]


def test_statements_may_stand_in_any_order() -> None:
    text = f"INSERT INTO sink SELECT id FROM v; {VIEW} {SINK} {ITEMS}"  # noqa: S608 (no database)
    JobText(Script("job.sql", text), {}).compile()


def test_the_last_setting_counts() -> None:
    zones = "".join(f"SET 'table.local-time-zone' = '{zone}';" for zone in ("UTC", "Asia/Tokyo"))
    assert job(zones + ITEMS + SINK + INSERT).session.time_zone == "Asia/Tokyo"


def test_a_module_of_functions_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "functions_of_this_test.py").write_text("LOADED = True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    job("SET 'functions.module' = 'functions_of_this_test';" + ITEMS + SINK + INSERT)
    assert sys.modules.pop("functions_of_this_test").LOADED


@pytest.mark.parametrize(
    "broken",
    [
        "CREATE TABLE items (id) WITH ('connector' = 'recording', 'path' = 'r');",
        "CREATE TABLE items (id BIGNUM) WITH ('connector' = 'recording', 'path' = 'r');",
        "CREATE TABLE IF NOT EXISTS `items` (id BIGINT) WITH ('connector' = 'recording';",
        "CREATE TEMPORARY VIEW items AS SELECT id FROM nowhere;",
        "CREATE VIEW items AS SELECT;",
    ],
)
def test_the_use_of_a_mistaken_declaration_is_no_further_mistake(broken: str) -> None:
    assert len(messages(f"{broken} {SINK} {INSERT} {VIEW}")) == 1


def test_mistakes_of_all_stages_are_told_at_once() -> None:
    text = f"""
    CREATE TABLE sink (id BIGINT) WITH ('connector' = 'printer');
    SET 'x' = 'y';
    {ITEMS}
    INSERT INTO sink SELECT idd FROM items WHERE '${{X}}' = 'x';
    SELECT 1;
    """  # noqa: S608 (no database)
    assert [re.split("[;:,]", message)[0] for message in messages(text)] == [
        "unknown connector 'printer'",
        "unknown setting 'x'",
        "there is no column 'idd' here",
        "${X} has no value",
        "expected CREATE TABLE",
    ]


def test_a_function_that_is_registered_is_offered_where_it_is_misspelt() -> None:
    assert "UPPER" in FUNCTIONS
    insert = "INSERT INTO sink SELECT UPER('a') FROM items;"
    (message,) = messages(f"{ITEMS} {SINK} {insert}")
    assert message.startswith("unknown function UPER; did you mean 'UPPER'")
