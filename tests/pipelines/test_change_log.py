"""python -m pipelines.change_log: a recording into a warehouse file."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kami.tables import SOURCE_LAYOUTS, change_log_columns
from pipeline_io.warehouse_file import WarehouseFile
from pipelines import change_log
from tests.transforms.change_log_recordings import RECORDINGS, logged
from transforms.change_log_write import LOGS

Row = dict[str, Any]


def ran(tmp_path: Path, source: Path | str, *more: str, expected: int = 0) -> dict[str, Any]:
    """The summary of a run into tmp_path/w.duckdb."""
    folder = RECORDINGS / source if isinstance(source, str) else source
    arguments = [
        f"--source=recording:{folder}",
        f"--warehouse=duckdb:{tmp_path}/w.duckdb",
        f"--output_dir={tmp_path}/out",
        *more,
    ]
    assert change_log.main(arguments) == expected
    summary = tmp_path / "out" / "summary.json"
    return dict(json.loads(summary.read_text())) if summary.exists() else {}


def rows(tmp_path: Path, table: str, dataset: str = "shop") -> list[Row]:
    file = WarehouseFile(str(tmp_path / "w.duckdb"))
    found = file.query(f'SELECT * FROM "{dataset}"."{table}"').to_pylist()  # noqa: S608
    file.close()
    return [dict(row) for row in found]


def changed(source: str, target: Path, lines: list[dict[str, Any]]) -> Path:
    """A recording with these records behind its own."""
    shutil.copytree(RECORDINGS / source, target)
    target.chmod(0o755)
    records = target / "records.jsonl"
    records.chmod(0o644)
    with records.open("a") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)
    return target


def record(topic: str, offset: int, value: bytes | None, **more: Any) -> dict[str, Any]:
    encoded = None if value is None else base64.b64encode(value).decode()
    empty: dict[str, Any] = {"partition": 0, "timestamp": 1, "headers": [], "key": None}
    return {"topic": topic, "offset": offset, **empty, "value": encoded, **more}


def test_the_columns_of_rows_are_those_of_the_layout() -> None:
    assert LOGS.keys() == SOURCE_LAYOUTS.keys()
    for connector, schema in LOGS.items():
        source = SOURCE_LAYOUTS[connector]
        assert schema.names == [column.name for column in change_log_columns(source)]
        fields: Any = schema.field("source").type
        assert [field.name for field in fields] == [column.name for column in source]


@pytest.mark.parametrize("name", ["mysql_connect", "mariadb_adaptive", "pg_types_adaptive"])
def test_a_recording_becomes_tables_whose_counts_add_up(tmp_path: Path, name: str) -> None:
    summary = ran(tmp_path, name, "--source_name=shop", "--batch_size=100")
    assert summary["dead_letters"] == summary["skipped"] == 0
    assert summary["records"] == summary["rows"] + summary["tombstones"]
    assert sum(summary["tables"].values()) == summary["rows"]
    for table, expected in logged(name)[0].items():
        found = rows(tmp_path, f"{table}_change_log")
        assert len(found) == summary["tables"][table] == len(expected)
        ids = {row["_event_id"] for row in expected}
        assert {row["_event_id"] for row in found} == ids


def test_a_second_run_of_a_recording_writes_the_same_ids_and_order_keys(tmp_path: Path) -> None:
    for _ in range(2):
        ran(tmp_path, "pg_adaptive", "--source_name=shop")
    found = rows(tmp_path, "items_change_log")
    pairs = {(row["_offset"], row["_event_id"], row["_order_key"]) for row in found}
    assert len(found) == 2 * len(pairs) == 2 * len(logged("pg_adaptive")[0]["items"])


def test_servers_keep_their_ordinal_over_restarts(tmp_path: Path) -> None:
    ran(tmp_path, "mysql_adaptive", "--source_name=shop", "--topics=mysql_adaptive.shop.items_evo")
    (first,) = rows(tmp_path, "_incarnations")
    assert (first["source"], first["ordinal"], first["added_by"]) == ("shop", 1, "change_log")
    ran(tmp_path, "mysql_adaptive", "--source_name=shop", "--topics=mysql_adaptive.shop.items")
    ran(tmp_path, "mariadb_adaptive", "--source_name=shop")
    stored = {row["ordinal"]: row["identity"] for row in rows(tmp_path, "_incarnations")}
    assert stored == {1: first["identity"], 2: "0"}
    keys = {row["_order_key"][:4] for row in rows(tmp_path, "items_full_change_log")}
    assert keys == {"0000", "0002"}


def test_corrupt_records_become_dead_letters_and_the_others_rows(tmp_path: Path) -> None:
    topic = "pg_adaptive.public.items"
    source = changed(
        "pg_adaptive",
        tmp_path / "recording",
        [
            record(topic, 900_000, b"no avro"),
            record(topic, 900_001, b"\x00\x00\x00\xff\xff rest"),
            record(topic, 900_002, None),
            record("other", 0, b"\x01"),
        ],
    )
    summary = ran(tmp_path, source, "--source_name=shop")
    good = sum(len(found) for found in logged("pg_adaptive")[0].values())
    assert (summary["rows"], summary["dead_letters"]) == (good, 3)
    assert summary["records"] == good + summary["tombstones"] + 3
    letters = rows(tmp_path, "_dead_letters")
    assert [(row["table_name"], row["topic_offset"], row["stage"]) for row in letters] == [
        ("items", 900_000, "decode"),
        ("items", 900_001, "decode"),
        ("other", 0, "decode"),
    ]
    assert letters[0]["payload"] == base64.b64encode(b"no avro").decode()
    assert all(row["order_key"] is None for row in letters)
    lines = (tmp_path / "out" / "dead_letters.jsonl").read_text().splitlines()
    assert [json.loads(line)["offset"] for line in lines] == [900_000, 900_001, 0]


def test_the_connectors_prefix_names_the_source_where_no_flag_does(tmp_path: Path) -> None:
    assert ran(tmp_path, "pg_types_connect")["source_name"] == "pg_types_connect"
    assert rows(tmp_path, "composite_key_change_log", "pg_types_connect")


def test_topics_are_chosen_by_name_or_pattern(tmp_path: Path) -> None:
    by_pattern = ran(tmp_path, "pg_adaptive", "--source_name=a", r"--topics=.*\.items_(evo|toast)")
    assert by_pattern["tables"].keys() == {"items_evo", "items_toast"}
    names = "pg_adaptive.public.items_evo,pg_adaptive.public.items"
    by_name = ran(tmp_path, "pg_adaptive", "--source_name=b", f"--topics={names}")
    assert by_name["tables"].keys() == {"items_evo", "items"}


def test_a_second_database_is_refused_unless_one_is_named(tmp_path: Path) -> None:
    aml = RECORDINGS.parents[2] / "pipelines" / "recordings" / "aml"
    refused = ran(tmp_path, aml, "--source_name=a")
    assert refused["dead_letters"] > 0
    letter = rows(tmp_path, "_dead_letters", "a")[0]
    assert "give each a --source_name of its own" in letter["error"]
    named = ran(tmp_path, aml, "--source_name=b", "--database=bank")
    assert named["dead_letters"] == 0
    assert named["skipped"] > 0
    assert named["tables"].keys() == {"_schema_changes", "transfers"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--source is missing: expected kafka or recording:DIR"),
        (["--source=kafka"], "--source=kafka needs --kafka_brokers"),
        (["--source=recording:x", "--follow"], "--follow is of --source=kafka"),
        (["--source=recording:x", "--recording=x"], "a recording is --source=recording:DIR"),
        (["--source=recording:x", "--source_name=a-b"], "--source_name=a-b: expected letters"),
        (["--source=recording:/nowhere"], "is no recording"),
        (["--source=recording:x", "--topics=a(("], "no names, and no regular expression"),
    ],
)
def test_flags_that_do_not_fit_are_told_with_the_next_step(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [f"--warehouse=duckdb:{tmp_path}/w.duckdb", f"--output_dir={tmp_path}"]
    assert change_log.main([*arguments, *more]) != 0
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("given", ["duckdb:", "elsewhere:x", ""])
def test_an_unknown_warehouse_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert change_log.main(["--source=recording:x", f"--warehouse={given}"]) == 2
    assert "expected duckdb:FILE or bigquery:PROJECT" in capsys.readouterr().err
