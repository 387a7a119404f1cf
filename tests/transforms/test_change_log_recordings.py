"""The change log of every recording, replayed to what its database held at the end."""

from __future__ import annotations

import json
import re

import pytest

from tests.transforms.change_log_recordings import NAMES, SHOPS, Row, final, logged, replayed


def in_log_form(text: object, like: object, *, milliseconds: bool) -> object:
    """A value as the final table prints it, in the form that the log has."""
    if not isinstance(text, str) or not re.match(r"\d{4}-\d\d-\d\dT", text):
        return text
    text = text.removesuffix("+00:00")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    zone = "Z" if str(like).endswith("Z") else ""
    if milliseconds and not zone:
        whole, point, fraction = text.partition(".")
        fraction = fraction[:3].rstrip("0")
        text = f"{whole}{point}{fraction}" if fraction else whole
    return text + zone


def _offset(row: Row) -> int:
    return int(row["_offset"])


@pytest.mark.parametrize("name", NAMES)
def test_every_record_is_a_row_a_tombstone_skipped_or_a_dead_letter(name: str) -> None:
    tables, counts = logged(name)
    assert counts.dead_letters == counts.skipped == 0
    assert counts.rows == sum(len(rows) for rows in tables.values()) > 0
    assert counts.tombstones > 0
    assert counts.records == counts.rows + counts.tombstones


@pytest.mark.parametrize("name", SHOPS)
def test_the_newest_rows_of_a_log_are_the_final_table(name: str) -> None:
    milliseconds = name.endswith("connect")
    for table, expected in final(name).items():
        found = replayed(logged(name)[0][table])
        by_id = {row["id"]: row for row in expected}
        assert {row["id"] for row in found.values()} == by_id.keys()
        assert found.keys() == {json.dumps([str(key)]) for key in by_id}
        for row in found.values():
            wanted = by_id[row["id"]]
            if table != "items_evo":
                assert row.keys() == wanted.keys()
            for column in row.keys() & wanted.keys():
                value = in_log_form(wanted[column], row[column], milliseconds=milliseconds)
                assert row[column] == value, (table, row["id"], column)


@pytest.mark.parametrize("name", NAMES)
def test_the_size_of_batches_changes_no_row(name: str) -> None:
    small, whole = logged(name, 50)[0], logged(name, 1_000_000)[0]
    assert small.keys() == whole.keys()
    for table, rows in small.items():
        # The rows of one batch stand by schema.
        assert sorted(rows, key=_offset) == sorted(whole[table], key=_offset)


@pytest.mark.parametrize("name", NAMES)
def test_order_keys_and_event_ids_are_there_and_ids_differ(name: str) -> None:
    for table, rows in logged(name)[0].items():
        assert all(re.fullmatch(r"[0-9a-f/]{47}", row["_order_key"]) for row in rows), table
        assert len({row["_event_id"] for row in rows}) == len(rows), table


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("pg")])
def test_statements_that_change_tables_are_logged(name: str) -> None:
    rows = logged(name)[0]["_schema_changes"]
    assert any("CREATE TABLE" in row["ddl"] for row in rows)
    assert all(row["op"] is None and row["_key"] is None for row in rows)
    if name in SHOPS:
        assert any("alter table" in row["ddl"] for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_key_names_the_other_one_as_the_log_writes_keys(name: str) -> None:
    for rows in logged(name)[0].values():
        keys = {row["key"] for row in rows}
        moved = [row for row in rows if row["_old_key"] or row["_new_key"]]
        for row in moved:
            if name.endswith("connect") and "booked_at" in row["key"]:
                # Connect prints a timestamp's date alone into a header.
                continue
            assert (row["_old_key"] or row["_new_key"]) in keys
            assert row["op"] == ("c" if row["_old_key"] else "d")
    assert any(row["_old_key"] for rows in logged(name)[0].values() for row in rows)


@pytest.mark.parametrize("name", [name for name in SHOPS if name.startswith("pg")])
def test_a_value_that_was_not_sent_is_named_and_left_out(name: str) -> None:
    rows = logged(name)[0]["items_toast"]
    missing = [row for row in rows if row["_missing_columns"]]
    assert missing
    for row in missing:
        assert row["_missing_columns"] == ["notes"]
        assert "notes" not in json.loads(row["after"])
        assert "unavailable" not in row["after"]
