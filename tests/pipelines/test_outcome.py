"""What a person sees of a run: progress on a terminal, and the end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipelines import aml, progress
from pipelines.progress import shown, summary_table
from transforms.counters import COUNTS, TALLY


def terminal(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=is_terminal, width=80), text


def test_progress_is_shown_on_a_terminal() -> None:
    console, text = terminal(is_terminal=True)
    with shown(console):
        TALLY.add("sink", {"records": 1_234, "events": 1_000, "dead_letters": 7})
    told = text.getvalue()
    for part in ("1,234 records", "1,000 events", "7 dead letters", "records/s"):
        assert part in told


def test_progress_is_silent_where_there_is_no_terminal() -> None:
    console, text = terminal(is_terminal=False)
    with shown(console):
        TALLY.add("sink", {"records": 1_234})
    assert text.getvalue() == ""


def test_progress_begins_at_zero_in_a_second_run() -> None:
    TALLY.add("sink", {"records": 5})
    console, _ = terminal(is_terminal=False)
    with shown(console):
        assert progress.total(TALLY.snapshot())["records"] == 0


def table_of(statements: dict[str, dict[str, int]]) -> list[str]:
    console, text = terminal(is_terminal=False)
    console.print(summary_table(statements))
    return text.getvalue().splitlines()


def counts(**given: int) -> dict[str, int]:
    return {**dict.fromkeys(COUNTS, 0), **given}


def test_the_table_fits_80_columns_and_cuts_nothing() -> None:
    name = "a_statement_with_quite_a_long_name.2"
    lines = table_of({name: counts(records=9_999_999, events=9_999_999), "b": counts(records=1)})
    assert max(len(line) for line in lines) <= 80
    assert not any("…" in line for line in lines)
    whole = "".join(line.split("│")[1].strip() for line in lines if line.startswith("│"))
    assert whole.startswith(name)
    assert any("10,000,000" in line for line in lines)


def test_the_table_tells_of_multiplied_records_only_where_there_are_some() -> None:
    assert "multiplied" not in "".join(table_of({"a": counts(records=1)}))
    assert "multiplied" in "".join(table_of({"a": counts(records=1, multiplied=1)}))


def test_a_total_is_shown_only_of_several_statements() -> None:
    assert not any("all" in line for line in table_of({"a": counts(records=1)}))
    lines = table_of({"a": counts(records=1), "b": counts(records=2)})
    assert any("all" in line and " 3 " in line for line in lines)


def test_the_end_shows_a_row_of_each_source_and_where_to_go_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aml.main([f"--output_dir={tmp_path}"]) == 0
    told = capsys.readouterr().out
    assert told.count('"source": "mysql:core.bank.transfers"') == 1
    assert told.count('"source": "postgresql:cards.public.card_payments"') == 1
    assert f"dead letters: 2 in {tmp_path}/dead_letters.jsonl, each with its reason" in told
    *_, first, second, third = told.splitlines()
    assert "--explain" in first
    assert "python -m pipelines.sql_job --job my.sql --recording " in second
    assert "docs/sql_jobs.md" in third
