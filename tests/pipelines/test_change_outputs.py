"""Change events that are made here, in a change log without a broker and as JSON messages."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipelines.change_outputs import OutputConfig, check_output, open_output
from pipelines.change_outputs_pubsub import message_rows
from pipelines.change_outputs_schemas import SCHEMAS
from pipelines.options import FlagError
from tests.pipelines.polled_events import TOPIC, events
from transforms.avro import choose_decoder

LOG = """
    SELECT _offset, op, json_extract_string(after, '$.word'), _order_key, _event_id
    FROM shop.items_change_log ORDER BY _offset
"""


def _log(file: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(LOG).fetchall()


def test_events_are_rows_of_the_change_log_when_the_output_is_flushed(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    output = open_output(OutputConfig(f"duckdb:{file}", "shop"), "one")
    output.write(events(output, [(1, "r", "ä", 1_000_000, 0), (2, "r", None, 2_000_000, 0)]))
    output.write(events(output, [(1, "u", "b", 1_000_000, 1), (2, "d", None, 2_000_000, 1)]))
    assert output.flush() == []
    output.close()
    rows = _log(file)
    assert [row[:3] for row in rows] == [
        (0, "r", "ä"),
        (1, "r", None),
        (2, "u", "b"),
        (3, "d", None),
    ]
    order_keys = [row[3] for row in rows]
    assert order_keys[0].split("/")[1:3] == [f"{1_000_000:016x}", f"{0:016x}"]
    assert order_keys[0] < order_keys[2] < order_keys[1] < order_keys[3]


def test_a_later_run_goes_on_behind_the_offsets_that_the_log_has(tmp_path: Path) -> None:
    place = OutputConfig(f"duckdb:{tmp_path / 'w.duckdb'}", "shop")
    for token in ("first", "second"):
        output = open_output(place, token)
        output.write(events(output, [(1, "r", "a", 5, 0)]))
        output.flush()
        output.close()
    rows = _log(tmp_path / "w.duckdb")
    assert [row[0] for row in rows] == [0, 1]
    # A repeat of the same event is known by its id.
    assert len({row[4] for row in rows}) == 1


def test_each_partition_counts_for_itself(tmp_path: Path) -> None:
    output = open_output(OutputConfig(f"duckdb:{tmp_path / 'w.duckdb'}", "shop"), "parts")
    output.write(events(output, [(1, "r", "a", 5, 0), (2, "r", "b", 5, 0)], partition=0))
    output.write(events(output, [(3, "r", "c", 5, 0)], partition=1))
    output.flush()
    assert output.next_offset(TOPIC, 0) == 2
    assert output.next_offset(TOPIC, 1) == 1
    assert output.next_offset(TOPIC, 2) == 0


def test_what_is_not_flushed_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    output = open_output(OutputConfig(f"duckdb:{file}", "shop"), "dropped")
    output.write(events(output, [(1, "r", "kept", 5, 0)]))
    output.flush()
    output.write(events(output, [(2, "r", "dropped", 5, 0)]))
    output.close()
    assert output.next_offset(TOPIC, 0) == 1
    assert [row[2] for row in _log(file)] == ["kept"]


def test_two_threads_share_one_log(tmp_path: Path) -> None:
    place = OutputConfig(f"duckdb:{tmp_path / 'w.duckdb'}", "shop")
    one, other = open_output(place, "shared"), open_output(place, "shared")
    one.write(events(one, [(1, "r", "a", 5, 0)], partition=0))
    other.write(events(other, [(2, "r", "b", 5, 0)], partition=1))
    one.flush()
    other.flush()
    # The next round has the threads the other way round.
    other.write(events(other, [(1, "u", "c", 6, 0)], partition=0))
    other.flush()
    one.write(events(one, [(1, "u", "d", 7, 0)], partition=0))
    one.flush()
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT _topic_partition, _offset, json_extract_string(after, '$.word') "
            "FROM shop.items_change_log ORDER BY ALL"
        ).fetchall()
    assert found == [(0, 0, "a"), (0, 1, "c"), (0, 2, "d"), (1, 0, "b")]


def test_events_are_json_messages_with_their_attributes() -> None:
    class Memory:
        registrar = SCHEMAS

        def next_offset(self, topic: str, partition: int) -> int:
            return 0

        def write(self, records: pa.RecordBatch) -> None: ...

        def flush(self) -> list[pa.RecordBatch]:
            return []

        def close(self) -> None: ...

    records = events(Memory(), [(1, "u", "ä", 9_000_000, 2), (7, "d", None, 9_000_000, 3)])
    rows = message_rows(records, choose_decoder())
    payloads: list[Any] = rows.column("payload").to_pylist()
    first, second = (json.loads(text) for text in payloads)
    assert first["after"] == {"id": 1, "word": "ä"}
    assert first["before"] is None
    assert first["op"] == "u"
    assert first["source"]["updated_us"] == 9_000_000
    assert second["before"] == {"id": 7, "word": None}
    assert second["after"] is None
    assert rows.column("key").to_pylist() == [b'{"id":1}', b'{"id":7}']
    attributes: list[Any] = rows.column("attributes").to_pylist()
    assert [(one["table"], one["op"]) for one in attributes] == [("items", "u"), ("items", "d")]
    assert attributes[0]["order_key"] < attributes[1]["order_key"]
    assert len({one["event_id"] for one in attributes}) == 2


@pytest.mark.parametrize(
    ("place", "flags", "told"),
    [
        ("nowhere", {}, "--output=nowhere: expected kafka, pubsub:PROJECT/TOPIC, duckdb:FILE"),
        ("duckdb:", {}, "--output=duckdb:: expected kafka"),
        ("pubsub:project", {}, "--output=pubsub:project: expected pubsub:PROJECT/TOPIC"),
        ("pubsub:p/", {}, "--output=pubsub:p/: the topic is ''"),
        ("kafka", {}, "--output=kafka needs --kafka_brokers"),
        ("kafka", {"brokers": "h:1"}, "--output=kafka needs --schema_registry"),
        (
            "kafka",
            {"brokers": "h", "schema_registry": "http://r"},
            "--kafka_brokers, --kafka_property: brokers are 'h'; expected HOST:PORT",
        ),
        ("duckdb:w", {"brokers": "h:1"}, "--kafka_brokers is of --output=kafka, not of duckdb:w"),
    ],
)
def test_an_output_that_cannot_be_says_which_flag(
    place: str, flags: dict[str, str], told: str
) -> None:
    with pytest.raises(FlagError) as raised:
        OutputConfig(place, "shop", **flags)  # type: ignore[arg-type]
    assert told in str(raised.value)


def test_a_file_is_told_by_its_name(tmp_path: Path) -> None:
    config = OutputConfig(f"duckdb:{tmp_path / 'w.duckdb'}", "shop")
    assert check_output(config, [TOPIC]) == [
        f"the change log of shop in duckdb:{tmp_path}/w.duckdb"
    ]
