"""Every column type, from Debezium's records to the printed rows of the god view: exact values.

What a mode of the connector loses, or what the view's types cannot hold, is named here case by
case, with the value that comes instead; docs/proof.md tells why.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest

from tests.proof.database_texts import comparable, from_database
from tests.proof.known_losses import instead
from tests.proof.recorded_types import Printed, final, printed
from tests.transforms.change_log_recordings import TYPES


@functools.cache
def _printed(name: str) -> dict[str, list[Printed]]:
    with tempfile.TemporaryDirectory() as folder:
        return printed(name, Path(folder))


@pytest.mark.parametrize("name", TYPES)
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


@pytest.mark.parametrize("name", TYPES)
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
    for name in TYPES:
        for row in final(name, "all_types"):
            number = int(row["id"] or 0)
            for column, text in row.items():
                value = from_database(name, column, text)
                lost = instead(name, number, column, "kept")
                assert lost == "kept" or lost != value, (name, number, column)
