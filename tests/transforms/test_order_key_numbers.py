from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from transforms.event_id import event_ids
from transforms.incarnation import Incarnation, Incarnations
from transforms.order_key import OrderKeys, order_keys
from transforms.order_key_numbers import MAX_MOD_NUMBER, MAX_SEQUENCE
from transforms.source_coordinates import coordinates

AT = 1_780_000_000_000_000


def polled(updated_us: int | None, revision: int | None = 0, **fields: Any) -> dict[str, Any]:
    common = {"connector": "audit_columns", "name": "crm", "db": "crm", "table": "clients"}
    return {**common, "ts_ms": 1, "updated_us": updated_us, "revision": revision, **fields}


def committed(ts_us: int | None, sequence: str | None, mod: int = 0) -> dict[str, Any]:
    common = {"connector": "spanner", "name": "crm", "db": "crm", "table": "clients"}
    return {**common, "ts_ms": 1, "ts_us": ts_us, "sequence": sequence, "mod_number": mod}


def keys_of(*sources: dict[str, Any], ops: str = "", by_hand: int = 0) -> OrderKeys:
    known = Incarnations([Incarnation("crm", by_hand, "")] if by_hand else [])
    op = pl.Series("op", list(ops or "u" * len(sources)), dtype=pl.String)
    return order_keys(_structs(sources), op, known)


def _structs(sources: Sequence[dict[str, Any]]) -> pl.Series:
    return pl.DataFrame(sources, infer_schema_length=None).to_struct("source")


def ids_of(*sources: dict[str, Any], ops: str = "") -> list[str]:
    op = pl.Series("op", list(ops or "u" * len(sources)), dtype=pl.String)
    key = pl.Series("key", [b"1"] * len(sources), dtype=pl.Binary)
    return event_ids(_structs(sources), op, None, key).to_list()


def test_a_polled_row_is_ordered_by_its_update_time_and_its_revision() -> None:
    keys = keys_of(polled(AT), polled(AT, 2), polled(AT + 1), ops="ruu")
    first = f"0000/{AT:016x}/{0:016x}/{0:08x}"
    assert keys.order_key.to_list() == [
        first,
        f"0000/{AT:016x}/{2:016x}/{1:08x}",
        f"0000/{AT + 1:016x}/{0:016x}/{1:08x}",
    ]
    assert keys.order_key.is_sorted()
    assert keys.newest == keys.order_key[-1]
    counted = keys_of(polled(AT), by_hand=3)
    assert counted.order_key[0] == f"0003/{AT:016x}/{0:016x}/{1:08x}"


def test_a_change_of_spanner_is_ordered_by_commit_record_and_mod() -> None:
    sources = [
        committed(AT, "00000009", 4),
        committed(AT, "00000010", 0),
        committed(AT, "00000010", MAX_MOD_NUMBER),
        committed(AT, "00000011", 0),
        committed(AT + 1, "00000000", 0),
    ]
    keys = keys_of(*sources)
    assert keys.order_key.is_sorted() and keys.order_key.n_unique() == len(sources)
    assert keys.order_key[0] == f"0000/{AT:016x}/{9 * 2**20 + 4:016x}/{1:08x}"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (polled(None), "source.updated_us is NULL"),
        (polled(-1), "source.updated_us is '-1'"),
        (polled(AT, None), "source.revision is NULL"),
        (committed(None, "1"), "source.ts_us is NULL"),
        (committed(AT, "first"), "source.sequence is 'first'"),
        (committed(AT, str(MAX_SEQUENCE + 1)), "source.sequence is"),
        (committed(AT, "1", MAX_MOD_NUMBER + 1), "source.mod_number is"),
    ],
)
def test_wrong_numbers_are_an_error_that_names_them(source: dict[str, Any], named: str) -> None:
    keys = keys_of(source)
    assert keys.order_key.to_list() == [None]
    assert str(keys.errors[0]).startswith(named)
    assert "expected an integer from 0 to" in str(keys.errors[0])
    assert f"connector {source['connector']}, table clients" in str(keys.errors[0])


def test_the_highest_numbers_still_fit() -> None:
    keys = keys_of(committed(2**63 - 1, str(MAX_SEQUENCE), MAX_MOD_NUMBER))
    assert keys.order_key[0] == f"0000/{2**63 - 1:016x}/{2**63 - 1:016x}/{1:08x}"


def test_a_repeat_has_the_same_id_and_any_other_number_another() -> None:
    sources = [
        polled(AT),
        polled(AT, ts_ms=2),
        polled(AT, 1),
        polled(AT + 1),
        committed(AT, "1", 0),
        committed(AT, "1", 1),
        committed(AT, "2", 0),
        committed(AT + 1, "1", 0),
    ]
    same, repeat, *others = ids_of(*sources)
    assert same == repeat
    assert len({same, *others}) == len(sources) - 1
    first_read, again = ids_of(polled(AT, ts_us=1), polled(AT, ts_us=2), ops="rr")
    assert first_read == again


def test_the_text_that_postgresql_calls_sequence_is_no_number() -> None:
    source = pl.Series("source", [{"connector": "postgresql", "sequence": '["1","2"]', "lsn": 5}])
    found = coordinates(source, pl.Series("op", ["u"]))
    assert found["sequence"].to_list() == [None]
