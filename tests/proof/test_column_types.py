"""Every column type, from Debezium's records to the printed rows of the god view: exact values.

What a mode of the connector loses, or what the view's types cannot hold, is named here case by
case, with the value that comes instead; docs/proof.md tells why.
"""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

import pytest

from tests.proof.database_texts import comparable, from_database
from tests.proof.known_losses import instead
from tests.proof.recorded_modes import EXACT, MODES, OLDER, TIMES, Mode
from tests.proof.recorded_types import DATASET, Printed, final, loaded, printed, run


@functools.cache
def _printed(name: str) -> dict[str, list[Printed]]:
    with tempfile.TemporaryDirectory() as folder:
        return printed(name, Path(folder))


@pytest.mark.parametrize("name", EXACT)
def test_every_value_of_every_type_comes_back_as_the_database_has_it(name: str) -> None:
    found = {row["id"]: row for row in _printed(name)["all_types"]}
    expected = {int(row["id"] or 0): row for row in final(name, "all_types")}
    assert found.keys() == expected.keys()
    wrong = []
    for number, texts in expected.items():
        assert found[number].keys() == texts.keys()
        for column, text in texts.items():
            value = comparable(name, column, found[number][column])
            wanted = from_database(name, column, text)
            if value != instead(name, number, column, wanted):
                wrong.append((number, column, found[number][column], text))
    assert not wrong


@pytest.mark.parametrize("name", EXACT)
def test_rows_of_a_composite_key_of_several_types_come_back(name: str) -> None:
    found = [
        {column: comparable(name, column, value) for column, value in row.items()}
        for row in _printed(name)["composite_key"]
    ]
    expected = final(name, "composite_key")
    assert len(found) == len(expected)
    for row in expected:
        assert {column: from_database(name, column, text) for column, text in row.items()} in found


def test_a_loss_is_named_only_where_a_value_is_lost() -> None:
    """What comes back after all is no loss any more."""
    for name in EXACT:
        for row in final(name, "all_types"):
            number = int(row["id"] or 0)
            for column, text in row.items():
                value = from_database(name, column, text)
                lost = instead(name, number, column, "kept")
                assert lost == "kept" or lost != value, (name, number, column)


def test_each_time_mode_is_recorded_with_exact_and_with_text_decimals() -> None:
    older = {Mode(source, time, "precise") for source, time in OLDER.values()}
    recorded = {(mode.source, mode.time, mode.decimals) for mode in (*older, *MODES)}
    for source, times in TIMES.items():
        for time in times:
            assert {(source, time, "precise"), (source, time, "string")} <= recorded


@pytest.mark.parametrize(
    ("name", "check", "example"),
    [
        ("pg_double_adaptive", "decimals", "c_money"),
        ("mysql_string_hex_adaptive_time_microseconds", "bytes", "c_binary"),
    ],
)
def test_modes_that_lose_values_fail_a_check_that_names_a_column(
    name: str, check: str, example: str, tmp_path: Path
) -> None:
    results = _checks(run(loaded(name, tmp_path), "check", f"{DATASET}.all_types", exit_code=1))
    (failed,) = (result for result in results if result["status"] == "failed")
    assert failed["check"] == check
    assert failed["message"].startswith(f"such as {example}")
    assert "take a new snapshot" in failed["message"]


@pytest.mark.parametrize("name", ["pg_string_base64_microseconds", "mysql_types_adaptive"])
def test_modes_that_lose_nothing_pass_all_checks(name: str, tmp_path: Path) -> None:
    results = _checks(run(loaded(name, tmp_path), "check", f"{DATASET}.all_types"))
    assert {result["check"] for result in results} >= {"decimals", "bytes"}


def _checks(printed_lines: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in printed_lines.splitlines()]
