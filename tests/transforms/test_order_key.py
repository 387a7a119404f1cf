import pickle
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.order_key_recordings import SOURCE
from transforms.event_id import event_ids
from transforms.incarnation import Incarnation, Incarnations
from transforms.order_key import LOWEST, OrderKeys, order_keys

SERVER = "82955a62-e611-11f1-a500-02fc00000001"
OTHER = "82955a62-e611-11f1-a500-02fc00000002"


def mysql(gtid: str | None = None, **fields: Any) -> dict[str, Any]:
    binlog = {"file": "mysql-bin.000123", "pos": 400, "row": 0, "server_id": 1}
    common = {"connector": "mysql", "name": "shop", "db": "shop", "table": "items"}
    return {**common, **binlog, "snapshot": "false", "gtid": gtid, **fields}


def postgresql(lsn: int | None, **fields: Any) -> dict[str, Any]:
    common = {"connector": "postgresql", "name": "pg", "db": "shop", "table": "items"}
    return {**common, "schema": "public", "snapshot": "false", "lsn": lsn, **fields}


def keys_of(
    *sources: dict[str, Any] | None,
    ops: str = "",
    incarnations: Incarnations | None = None,
    newest: str | None = None,
) -> OrderKeys:
    source = pl.Series("source", sources, dtype=SOURCE)
    op = pl.Series("op", list(ops or "u" * len(sources)), dtype=pl.String)
    return order_keys(source, op, incarnations or Incarnations(), newest)


def key(incarnation: int, major: int, minor: int, tail: int) -> str:
    return f"{incarnation:04x}/{major:016x}/{minor:016x}/{tail:08x}"


def test_a_gtid_orders_by_transaction_position_and_row() -> None:
    keys = keys_of(mysql(f"{SERVER}:77", row=3), mysql(f"{SERVER.upper()}:{2**63}"))
    assert keys.order_key.to_list() == [key(1, 77, 400, 0x301), key(1, 2**63, 400, 1)]
    assert keys.newest == key(1, 2**63, 400, 1)


def test_a_new_server_is_a_new_incarnation_and_is_reported_once() -> None:
    incarnations = Incarnations([Incarnation("shop", 4, SERVER)])
    keys = keys_of(mysql(f"{OTHER}:1"), mysql(f"{SERVER}:9"), incarnations=incarnations)
    assert keys.order_key.str.head(4).to_list() == ["0005", "0004"]
    assert incarnations.take_new() == [Incarnation("shop", 5, OTHER)]
    assert incarnations.take_new() == []
    copy = pickle.loads(pickle.dumps(incarnations))  # noqa: S301 - pickled one line above
    assert copy.ordinal("shop", OTHER) == 5


def test_ordinals_count_by_source() -> None:
    incarnations = Incarnations()
    keys_of(mysql(f"{SERVER}:1"), mysql(f"{OTHER}:1", name="b"), incarnations=incarnations)
    assert incarnations.take_new() == [Incarnation("shop", 1, SERVER), Incarnation("b", 1, OTHER)]


def test_a_mariadb_gtid_has_its_domain_as_incarnation() -> None:
    keys = keys_of(mysql(f"7-1-{2**64 - 1}", connector="mariadb"), mysql("8-1-2"), mysql("7-2-3"))
    assert keys.order_key.str.head(21).to_list() == [
        "0001/ffffffffffffffff",
        "0002/0000000000000002",
        "0001/0000000000000003",
    ]


def test_a_tagged_gtid_is_ordered_as_long_as_its_server_has_one_tag() -> None:
    keys = keys_of(mysql(f"{SERVER}:audit:5"), mysql(f"{SERVER}:6"), mysql(f"{SERVER}:audit:7"))
    assert keys.order_key.to_list() == [key(1, 5, 400, 1), None, key(1, 7, 400, 1)]
    assert "one tag a server" in keys.errors[1]


def test_without_gtids_the_number_of_the_file_leads_and_not_its_text() -> None:
    keys = keys_of(mysql(file="bin.999999"), mysql(file="bin.1000000"))
    assert keys.order_key.to_list() == [key(0, 999999, 400, 1), key(0, 1000000, 400, 1)]


def test_an_incarnation_that_was_counted_by_hand_sorts_after_all_before_it() -> None:
    incarnations = Incarnations()
    before = keys_of(mysql(file="bin.9"), incarnations=incarnations).order_key[0]
    assert incarnations.add("shop") == Incarnation("shop", 1, "")
    after = keys_of(mysql(file="bin.1"), incarnations=incarnations).order_key[0]
    assert after > before


def test_a_position_without_gtid_after_gtids_is_an_error_and_before_them_is_not() -> None:
    incarnations = Incarnations()
    keys = keys_of(mysql(), mysql(f"{SERVER}:1"), mysql(), incarnations=incarnations)
    assert keys.order_key.to_list() == [key(0, 123, 400, 1), key(1, 1, 400, 1), None]
    assert "source.gtid is NULL" in keys.errors[2]
    assert keys_of(mysql(), incarnations=incarnations).order_key[0] is None
    incarnations.add("shop")
    assert keys_of(mysql(), incarnations=incarnations).order_key[0] == key(2, 123, 400, 1)


def test_snapshot_rows_without_coordinates_take_the_newest_key_before_them() -> None:
    newer, older = f"{SERVER}:9", f"{SERVER}:5"
    sources = [mysql(), mysql(newer, row=2), mysql(older), mysql(), mysql()]
    keys = keys_of(*sources, ops="ruurr")
    assert keys.order_key.to_list() == [
        LOWEST,
        key(1, 9, 400, 0x201),
        key(1, 5, 400, 1),
        key(1, 9, 400, 0x200),
        key(1, 9, 400, 0x200),
    ]
    assert keys.newest == key(1, 9, 400, 0x201)
    carried = keys_of(mysql(), postgresql(None), ops="rr", newest=keys.newest)
    assert carried.order_key.to_list() == [key(1, 9, 400, 0x200)] * 2
    assert carried.newest == keys.newest


def test_a_postgresql_snapshot_row_with_an_lsn_loses_only_the_tie() -> None:
    keys = keys_of(postgresql(5), postgresql(5), postgresql(6), ops="rur")
    assert keys.order_key.to_list() == [key(0, 5, 0, 0), key(0, 5, 0, 1), key(0, 6, 0, 0)]


def test_a_schema_change_of_a_snapshot_has_no_op_and_counts_as_its_row() -> None:
    source = pl.Series("source", [mysql(snapshot="true")], dtype=SOURCE)
    keys = order_keys(source, pl.Series("op", [None], dtype=pl.String), Incarnations())
    assert keys.order_key.to_list() == [LOWEST]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "source.connector is NULL"),
        (postgresql(5, connector="oracle"), "source.connector is 'oracle'"),
        (postgresql(None), "source.lsn is NULL"),
        (postgresql(-1), "source.lsn is '-1'"),
        (mysql("what"), "source.gtid is 'what'"),
        (mysql(f"{SERVER}:{2**64}"), f"source.gtid is '{SERVER}:{2**64}'"),
        (mysql(file=None), "source.file is NULL"),
        (mysql(file="binlog"), "source.file is 'binlog'"),
        (mysql(pos=None), "source.pos is NULL"),
        (mysql(f"{SERVER}:1", pos=-4), "source.pos is '-4'"),
        (mysql(f"{SERVER}:1", row=None), "source.row is NULL"),
        (mysql(f"{SERVER}:1", row=2**24), "source.row is '16777216'"),
    ],
)
def test_wrong_coordinates_are_an_error_of_that_record_alone(
    source: dict[str, Any] | None, message: str
) -> None:
    keys = keys_of(postgresql(5), source, postgresql(7))
    assert keys.order_key.to_list() == [key(0, 5, 0, 1), None, key(0, 7, 0, 1)]
    assert keys.errors[0] is None
    assert keys.errors[1].startswith(message)
    assert "expected" in keys.errors[1]
    assert keys.newest == key(0, 7, 0, 1)


def test_more_incarnations_than_the_key_holds_are_an_error() -> None:
    incarnations = Incarnations([Incarnation("shop", 0xFFFF, SERVER)])
    keys = keys_of(mysql(f"{SERVER}:1"), mysql(f"{OTHER}:1"), incarnations=incarnations)
    assert keys.order_key.to_list() == [key(0xFFFF, 1, 400, 1), None]


def test_an_unsigned_position_over_the_width_is_an_error_with_its_value() -> None:
    fields = {"connector": pl.String, "lsn": pl.UInt64}
    source = pl.Series([{"connector": "postgresql", "lsn": 2**63}], dtype=pl.Struct(fields))
    keys = order_keys(source, pl.Series(["u"]), Incarnations())
    assert keys.order_key.to_list() == [None]
    assert keys.errors[0].startswith(f"source.lsn is '{2**63}'")


def test_an_empty_batch_keeps_the_newest() -> None:
    keys = keys_of(newest=key(1, 2, 3, 4))
    assert (len(keys.order_key), len(keys.errors), keys.newest) == (0, 0, key(1, 2, 3, 4))


numbers = st.integers(-2, 2**63 - 1) | st.none() | st.integers(0, 3)
gtids = st.none() | st.builds("{}:{}".format, st.sampled_from([SERVER, OTHER]), st.integers(0, 9))
sources = st.builds(postgresql, numbers) | st.builds(
    mysql, gtids, pos=numbers, row=st.integers(-1, 2**25) | st.none()
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(sources, st.sampled_from("curdt")), max_size=12), st.integers(0, 12))
def test_every_record_has_a_key_or_an_error_wherever_the_batches_end(
    events: list[tuple[dict[str, Any], str]], cut: int
) -> None:
    values = [source for source, _ in events]
    ops = "".join(op for _, op in events)
    whole = keys_of(*values, ops=ops)
    for order_key, error in zip(whole.order_key, whole.errors, strict=True):
        assert (order_key is None) != (error is None)
    incarnations = Incarnations()
    first = keys_of(*values[:cut], ops=ops[:cut], incarnations=incarnations)
    second = keys_of(*values[cut:], ops=ops[cut:], incarnations=incarnations, newest=first.newest)
    split = [*first.order_key, *second.order_key]
    assert split == whole.order_key.to_list()
    assert second.newest == whole.newest
    streamed = [order_key for order_key in whole.order_key if order_key is not None]
    assert max(streamed, default=None) == (whole.newest or max(streamed, default=None))


def ids_of(
    *sources: dict[str, Any],
    op: str = "u",
    raw_key: bytes | None = b"k",
    total_order: int | None = None,
) -> list[str]:
    transaction = pl.Series([{"id": "x", "total_order": total_order}] * len(sources))
    return event_ids(
        pl.Series("source", sources, dtype=SOURCE),
        pl.Series([op] * len(sources)),
        transaction,
        pl.Series([raw_key] * len(sources), dtype=pl.Binary),
    ).to_list()


def test_each_part_of_an_event_makes_another_id() -> None:
    gtid = f"{SERVER}:1"
    ids = [
        *ids_of(mysql(gtid), mysql(gtid, pos=401), mysql(gtid, row=1), mysql(f"{SERVER}:2")),
        *ids_of(mysql(gtid, name="b"), mysql(gtid, db="b"), mysql(gtid, table="b")),
        *ids_of(mysql(f"{OTHER}:1"), mysql(), mysql(server_id=2), mysql(file="bin.1")),
        *ids_of(mysql(gtid), op="d"),
        *ids_of(mysql(gtid), raw_key=None),
        *ids_of(mysql(gtid), raw_key=b""),
        *ids_of(mysql(gtid), raw_key=b"K"),
        *ids_of(mysql(gtid), total_order=1),
        *ids_of(mysql(gtid), total_order=2),
        *ids_of(postgresql(1), postgresql(2), postgresql(1, schema="b")),
        *ids_of(mysql(db="ab", table="c"), mysql(db="a", table="bc"), mysql(db=None)),
        *ids_of(postgresql(None, ts_ms=1), postgresql(None, ts_ms=2), op="r"),
    ]
    assert len(set(ids)) == len(ids)


def test_a_transaction_read_from_another_server_has_the_same_id() -> None:
    elsewhere = mysql(f"{SERVER}:1", file="bin.1", pos=4, row=1, server_id=9)
    assert len(set(ids_of(mysql(f"{SERVER}:1"), elsewhere, total_order=3))) == 1


def test_a_log_that_was_counted_anew_by_hand_has_new_ids() -> None:
    source = pl.Series("source", [postgresql(5)], dtype=SOURCE)
    op, raw_key = pl.Series(["u"]), pl.Series([b"k"])
    incarnations = Incarnations()
    before = event_ids(source, op, None, raw_key, incarnations)
    incarnations.add("pg")
    assert event_ids(source, op, None, raw_key, incarnations)[0] != before[0]
