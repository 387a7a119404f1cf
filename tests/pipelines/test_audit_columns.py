"""Tables of SQLite are polled into the change log of a warehouse file."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io.audit_database import SqlAuditDatabase
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_state import AuditState
from pipeline_io.warehouse_errors import WarehouseError
from pipelines.change_outputs_log import LogOutput
from tests.pipelines.polled_shop import PolledShop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[PolledShop]:
    opened = PolledShop(tmp_path)
    yield opened
    opened.connection.close()


def test_a_poll_tells_what_has_changed_since_the_one_before(shop: PolledShop) -> None:
    shop.put(1, "a")
    shop.put(2, "b")
    assert shop.poll() == 0
    assert shop.changes() == [("r", 1, "a"), ("r", 2, "b")]
    shop.put(1, "A")
    shop.put(3, None)
    shop.delete(2)
    assert shop.poll() == 0
    assert shop.changes()[2:] == [("u", 1, "A"), ("c", 3, None), ("d", 2, None)]
    assert shop.summary()["tables"] == {"items": {"r": 0, "c": 1, "u": 1, "d": 1}}


def test_a_poll_of_nothing_new_writes_nothing(shop: PolledShop) -> None:
    shop.put(1, "a")
    assert shop.poll() == 0
    before = shop.log()
    assert shop.poll() == 0
    assert shop.log() == before
    summary = shop.summary()
    assert (summary["changes"], summary["dead_letters"], summary["rounds"]) == (0, 0, 1)


def test_the_order_of_a_keys_changes_never_steps_back(shop: PolledShop) -> None:
    shop.put(1, "a")
    shop.poll()
    shop.delete(1)
    shop.poll()
    # The key is used again, by a clock that is behind.
    shop.put(1, "again", at_ms=shop.now_ms - 5)
    shop.poll()
    shop.put(1, "later", at_ms=shop.now_ms - 4)
    shop.poll()
    assert shop.changes() == [
        ("r", 1, "a"),
        ("d", 1, None),
        ("c", 1, "again"),
        ("u", 1, "later"),
    ]
    keys = [row[3] for row in shop.log()]
    assert keys == sorted(keys)
    assert len(set(keys)) == 4


def test_what_was_not_committed_comes_again_with_the_same_ids(
    shop: PolledShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(self: AuditState, token: str) -> None:
        raise KeyboardInterrupt

    shop.put(1, "a")
    shop.put(2, "b")
    shop.poll()
    shop.put(2, "B")
    shop.delete(1)
    with monkeypatch.context() as broken:
        broken.setattr(AuditState, "commit", fall)
        with pytest.raises(KeyboardInterrupt):
            shop.poll()
    told = shop.log()[2:]
    assert shop.poll() == 0
    again = shop.log()[2 + len(told) :]
    assert [row[3:] for row in again] == [row[3:] for row in told]
    assert [row[:3] for row in again] == [("u", 2, "B"), ("d", 1, None)]
    assert shop.poll() == 0
    assert len(shop.log()) == 2 + 2 * len(told)


def test_what_was_not_written_counts_as_not_polled(
    shop: PolledShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: LogOutput) -> None:
        message = "w.duckdb: no space is left on the device; make room and run again"
        raise WarehouseError(message)

    shop.put(1, "a")
    with monkeypatch.context() as broken:
        broken.setattr(LogOutput, "_store", full)
        assert shop.poll() == 1
    assert "error: w.duckdb: no space is left on the device" in capsys.readouterr().err
    assert shop.poll() == 0
    assert shop.changes() == [("r", 1, "a")]


def test_a_database_that_goes_away_in_the_midst_loses_nothing(
    shop: PolledShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = SqlAuditDatabase.changed

    def breaks_off(*arguments: Any) -> Iterator[pa.RecordBatch]:
        yield next(read(*arguments))
        message = "postgresql://db/shop does not answer: connection refused"
        raise AuditError(message)

    for number in range(5):
        shop.put(number, f"w{number}")
    with monkeypatch.context() as broken:
        broken.setattr(SqlAuditDatabase, "changed", breaks_off)
        assert shop.poll("--batch_size=2") == 1
    error = capsys.readouterr().err
    assert "error: postgresql://db/shop does not answer: connection refused" in error
    assert "Traceback" not in error
    assert shop.poll("--batch_size=2") == 0
    assert shop.changes() == [("r", number, f"w{number}") for number in range(5)]


def test_a_column_more_is_in_the_events_from_then_on(shop: PolledShop) -> None:
    shop.put(1, "a")
    shop.poll()
    shop.execute("ALTER TABLE items ADD COLUMN price INTEGER")
    shop.execute("UPDATE items SET price = 5, updated_at = ?", shop.now_ms + 1)
    assert shop.poll() == 0
    assert shop.query("SELECT op, after->>'price' FROM shop.items_change_log ORDER BY _offset") == [
        ("r", None),
        ("u", "5"),
    ]


def test_shards_are_partitions_that_count_for_themselves(shop: PolledShop) -> None:
    (shop.folder / "tables.yaml").write_text(
        "tables:\n  items:\n    updated_unit: ms\n    shard_column: id\n"
        "    shards: {count: 3, low: 0, high: 8}\n"
    )
    for number in range(12):
        shop.put(number, f"w{number}")
    assert shop.poll("--readers=3") == 0
    shop.delete(11)
    assert shop.poll("--readers=3") == 0
    places = shop.query(
        "SELECT _topic_partition, COUNT(*), MIN(_offset), MAX(_offset) "
        "FROM shop.items_change_log GROUP BY 1 ORDER BY 1"
    )
    assert places == [(0, 3, 0, 2), (1, 3, 0, 2), (2, 7, 0, 6)]
    assert shop.changes()[-1] == ("d", 11, None)


def test_without_sweeps_there_are_no_deletes(shop: PolledShop) -> None:
    shop.put(1, "a")
    shop.poll("--sweep_every=0")
    shop.delete(1)
    shop.poll("--sweep_every=0")
    assert shop.changes() == [("r", 1, "a")]


def test_the_summary_says_what_held_the_poll_back(
    shop: PolledShop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.put(1, "a")
    assert shop.poll() == 0
    printed = capsys.readouterr().out
    assert "sqlite does not tell which transactions are open" in printed
    summary = shop.summary()
    assert "sqlite does not tell" in summary["held_back_by"]
    up_to = datetime.datetime.fromisoformat(summary["read_up_to"].replace("Z", "+00:00"))
    behind = datetime.datetime.now(datetime.timezone.utc) - up_to
    assert datetime.timedelta(seconds=119) < behind < datetime.timedelta(hours=1)


def test_the_events_say_where_they_come_from(shop: PolledShop) -> None:
    shop.put(1, "a")
    shop.poll()
    ((source, topic),) = shop.query(
        "SELECT CAST(to_json(source) AS VARCHAR), _topic FROM shop.items_change_log"
    )
    found = json.loads(source)
    assert topic == "shop.shop.items"
    assert found["updated_us"] == shop.now_ms * 1000
    assert (found["connector"], found["name"], found["db"], found["table"]) == (
        "audit_columns",
        "shop",
        "shop",
        "items",
    )
