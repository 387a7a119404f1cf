"""The AML job over the recording that is shipped: its events, counts and final table contents."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines import aml, sql_job
from tests.pipelines.recorded import json_lines

FINAL = Path(__file__).parents[1] / "data" / "recordings" / "aml_final.json"
COUNTS = ("records", "events", "filtered", "tombstones", "dead_letters")
SOURCES = {
    "mysql:core.bank.transfers": "core.bank.transfers",
    "postgresql:cards.public.card_payments": "cards.public.card_payments",
}


def run_aml(folder: Path, *flags: str) -> Path:
    assert aml.main([f"--output_dir={folder}", *flags]) == 0
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_aml(tmp_path_factory.mktemp("aml"))


def recorded_topics() -> dict[str, int]:
    topics: dict[str, int] = {}
    for line in (aml.RECORDING / "records.jsonl").read_text(encoding="utf-8").splitlines():
        topic = json.loads(line)["topic"]
        topics[topic] = topics.get(topic, 0) + 1
    return topics


def test_the_summary_counts_every_record_once(output: Path) -> None:
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    statements = summary["statements"]
    topics = recorded_topics()
    assert summary["job"] == "aml.sql"
    assert [statements[name]["records"] for name in ("events.1", "events.2")] == [
        topics[topic] for topic in SOURCES.values()
    ]
    for counts in (summary, *statements.values()):
        assert counts["records"] == sum(counts[name] for name in COUNTS[1:])
    assert {name: summary[name] for name in COUNTS} == {
        "records": 1_642,
        "events": 1_427,
        "filtered": 120,
        "tombstones": 93,
        "dead_letters": 2,
    }


def test_the_files_hold_as_many_lines_as_the_summary_counts(output: Path) -> None:
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert len(json_lines(output / "events.jsonl")) == summary["events"]
    assert len(json_lines(output / "dead_letters.jsonl")) == summary["dead_letters"]
    assert not list(output.glob("*.part-*"))


def test_an_event_has_the_shape_that_splunk_takes(output: Path) -> None:
    row = json_lines(output / "events.jsonl")[0]
    assert list(row) == ["time", "source", "index", "event", "fields"]
    assert isinstance(row["time"], Decimal)
    assert row["time"].as_tuple().exponent == -3
    assert isinstance(row["event"]["amount"], Decimal)
    assert row["event"]["amount"].as_tuple().exponent == -2


def test_a_dead_letter_says_what_was_refused_and_where(output: Path) -> None:
    for letter in json_lines(output / "dead_letters.jsonl"):
        assert letter["statement"] == "events.1"
        assert re.search(r"aml\.sql:\d+:\d+", letter["message"])


@pytest.mark.parametrize("flag", ["--batch_size=1000", "--batch_size=100", "--decoder=fastavro"])
def test_batches_and_decoders_change_nothing_but_the_speed(
    flag: str, output: Path, tmp_path: Path
) -> None:
    other = run_aml(tmp_path / "not" / "there yet", flag)
    assert (other / "events.jsonl").read_bytes() == (output / "events.jsonl").read_bytes()
    assert _without_times(other) == _without_times(output)


@pytest.mark.parametrize("size", [1, 7])
def test_the_smallest_batches_change_nothing(size: int, tmp_path: Path) -> None:
    # The middle of the recording has the end of the snapshot, so that whole batches are filtered.
    recording = tmp_path / "recording"
    shutil.copytree(aml.RECORDING, recording)
    with (aml.RECORDING / "records.jsonl").open(encoding="utf-8") as records:
        lines = list(itertools.islice(records, 0, None, 12))
    (recording / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    flag = f"--recording={recording}"
    whole = run_aml(tmp_path / "whole", flag)
    parts = run_aml(tmp_path / "parts", flag, f"--batch_size={size}")
    assert (parts / "events.jsonl").read_bytes() == (whole / "events.jsonl").read_bytes()
    assert 80 < len(json_lines(parts / "events.jsonl")) < len(lines)


def _without_times(folder: Path) -> list[dict[str, Any]]:
    letters = json_lines(folder / "dead_letters.jsonl")
    return [
        {name: value for name, value in letter.items() if not name.endswith("_failed_at")}
        for letter in letters
    ]


def replayed(events: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The rows that are left by id and topic, when the events are applied by their order keys."""
    found: dict[str, dict[str, dict[str, Any]]] = {topic: {} for topic in SOURCES.values()}
    for row in sorted(events, key=lambda row: str(row["fields"]["order_key"])):
        table, identity = found[SOURCES[row["source"]]], row["event"]["id"]
        match row["fields"]["op"]:
            case "t":
                table.clear()
            case "d":
                table.pop(identity, None)
            case _:
                table[identity] = row["event"]
    return found


def test_the_events_replayed_by_order_key_are_the_final_tables(tmp_path: Path) -> None:
    # All events, the snapshot's too, and values that the job refuses as NULL.
    script = aml.SCRIPT.read_text(encoding="utf-8")
    script = script.replace("WHERE t.op <> 'r'", "")
    script = script.replace("FORMAT_DATE_ANY(value_date, 'dd.MM.yyyy', 'yyyy-MM-dd')", "value_date")
    job = tmp_path / "all.sql"
    job.write_text(script, encoding="utf-8")
    aml.make_customers(tmp_path / "customers.db")
    variables = [
        f"--recording={aml.RECORDING}",
        f"--variable=LOOKUP_URL=sqlite:///{tmp_path}/customers.db",
    ]
    out = tmp_path / "out"
    assert sql_job.main([f"--job={job}", f"--output_dir={out}", *variables]) == 0
    assert not json_lines(out / "dead_letters.jsonl")
    found = replayed(json_lines(out / "events.jsonl"))
    final = json.loads(FINAL.read_text(encoding="utf-8"))
    for topic, rows in final.items():
        expected = {str(row["id"]): _columns(row) for row in rows}
        assert {key: _columns(row) for key, row in found[topic].items()} == expected


def _columns(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the events keep of a row as it is."""
    customer = row["customer"]["id"] if "customer" in row else row["customer_id"]
    return customer, Decimal(str(row["amount"])), row["currency"]
