"""The connector `splunk-hec` in SQL: its options, and a job that writes to the stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_io.splunk_config import TEMPLATE_FIELDS, SplunkConfig
from tests.pipelines.recorded import event, item, json_lines, run_script, write_recording
from tests.splunk.process import TOKEN_VARIABLE, Hec
from transforms.sql import connectors_splunk
from transforms.sql.connectors import OptionValue
from transforms.sql.connectors_splunk import SPLUNK, check_splunk_options
from transforms.sql.dialect import parse_script
from transforms.sql.errors import Script, SqlErrors
from transforms.sql.statements import CreateTable

PLAIN = {"url": "https://hec:8088", "token": "env://T"}


def options(given: Mapping[str, str]) -> dict[str, OptionValue]:
    listed = ", ".join(
        f"'{name}' = '{value}'" for name, value in {"connector": "splunk-hec", **given}.items()
    )
    (table,) = parse_script(Script("job.sql", f"CREATE TABLE t (a INT) WITH ({listed})"))
    assert isinstance(table, CreateTable)
    found = SPLUNK.read_options(table)
    check_splunk_options(table, found)
    return found


def told(given: Mapping[str, str]) -> str:
    with pytest.raises(SqlErrors) as raised:
        options(given)
    (error,) = raised.value.errors
    assert error.span is not None
    return error.message


def test_the_defaults_of_the_connector_are_those_of_the_writer() -> None:
    assert SplunkConfig.from_options(options(PLAIN)) == SplunkConfig(
        urls=("https://hec:8088",),
        token="env://T",  # noqa: S106
    )
    assert TEMPLATE_FIELDS == connectors_splunk.TEMPLATE_FIELDS


def test_every_option_reaches_the_writer() -> None:
    given = {
        "url": "https://a:8088;https://b:8088",
        "token": "file:///run/secrets/hec",
        "index": "aml",
        "source": "{topic}",
        "sourcetype": "cdc:{table}",
        "host": "db",
        "sink.attributes": "false",
        "sink.batch.max-events": "100",
        "sink.batch.max-bytes": "2000",
        "sink.linger": "500 ms",
        "sink.requests-in-flight": "3",
        "sink.max-events-per-second": "2500.5",
        "sink.retry-timeout": "1 min",
        "sink.request-timeout": "5 s",
        "sink.gzip": "6",
        "sink.ack": "true",
        "sink.ack.timeout": "2 min",
        "tls.ca": "gs://bucket/ca.pem",
    }
    assert SplunkConfig.from_options(options(given)) == SplunkConfig(
        urls=("https://a:8088", "https://b:8088"),
        token="file:///run/secrets/hec",  # noqa: S106
        index="aml",
        source="{topic}",
        sourcetype="cdc:{table}",
        host="db",
        fields=False,
        max_events=100,
        max_bytes=2_000,
        linger_seconds=0.5,
        max_in_flight=3,
        max_events_per_second=2_500.5,
        retry_seconds=60.0,
        request_seconds=5.0,
        gzip_level=6,
        ack=True,
        ack_seconds=120.0,
        ca="gs://bucket/ca.pem",
    )
    others = {"connector", "format", "key.fields", "key.format", "value.fields-include"}
    assert {option.name for option in SPLUNK.options} - set(given) - others == {
        option.name for option in SPLUNK.options if option.name.startswith("json.")
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"url": "hec:8088"}, "expected https://HOST:8088 without path"),
        ({"url": "https://hec:8088/services"}, "without path"),
        ({"url": "https://hec:8088;"}, "separated by ';'"),
        ({"token": "12345678-1234"}, "given as plain text"),
        ({"host": "{server}"}, "{server} is not known"),
        ({"sink.gzip": "10"}, "expected 0 (off) to 9"),
        ({"sink.max-events-per-second": "0"}, "expected a number above 0"),
        ({"key.fields": "time;hots"}, "did you mean 'host'"),
        ({"format": "avro"}, "expected 'json'"),
    ],
)
def test_an_option_that_does_not_fit_is_told(given: dict[str, str], expected: str) -> None:
    message = told({**PLAIN, **given})
    assert expected in message
    assert "12345678" not in message


SOURCE = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), op STRING METADATA)
WITH ('connector' = 'recording', 'path' = '{recording}', 'topic' = 'shop.items',
      'value.format' = 'debezium-avro-confluent');
"""
SINK = """
CREATE TABLE splunk (id BIGINT, price DECIMAL(10, 2), {more})
WITH ('connector' = 'splunk-hec', 'url' = '{url}', 'token' = 'env://{token}',
      'sourcetype' = 'cdc:{{table}}', {options});
INSERT INTO splunk SELECT id, price, {select} FROM items;
"""


def job(hec: Hec, folder: Path, more: str, select: str, options: str) -> tuple[int, dict[str, Any]]:
    events = [event("c", item(number, name=f"n{number}")) for number in range(3)]
    recording = write_recording(folder / "recording", events)
    sink = SINK.format(url=hec.url, token=TOKEN_VARIABLE, more=more, select=select, options=options)
    return run_script(SOURCE.format(recording=recording) + sink, folder)


def test_a_job_writes_rows_with_what_columns_say_of_them(hec: Hec, tmp_path: Path) -> None:
    code, _ = job(
        hec,
        tmp_path,
        "host STRING, index STRING",
        "name, CASE WHEN id = 1 THEN 'history' WHEN id = 2 THEN 'secret' END",
        "'key.fields' = 'host;index'",
    )

    assert code == 0
    # Splunk had taken the first two when it refused the third, and nobody promises that.
    assert hec.report()["repeats_of_confirmed"] == 0
    by_id = {one["event"]["id"]: one for one in hec.events()}
    first, second = by_id[0], by_id[1]
    assert set(by_id) == {0, 1}
    assert first["event"] == {"id": 0, "price": 1.0}
    assert (first["host"], first["sourcetype"]) == ("n0", "cdc:items")
    assert "index" not in first
    assert second["index"] == "history"
    assert first["time"] == 1_767_225_600.0
    fields = first["fields"]
    assert (fields["table"], fields["op"], fields["offset"]) == ("items", "c", "0")
    assert len(fields["event_id"]) == 32
    (letter,) = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert (letter["offset"], letter["error_class"]) == (2, "RefusedBySplunk")
    assert (letter["stage"], letter["statement"]) == ("publish", "splunk")
    assert "Incorrect index" in letter["message"]


def test_a_row_of_metadata_says_it_all(hec: Hec, tmp_path: Path) -> None:
    code, _ = job(
        hec,
        tmp_path,
        "_metadata ROW<`time` TIMESTAMP(3), `index` STRING>",
        "ROW(TIMESTAMP '2026-02-01 00:00:00.250', 'history')",
        "'key.fields' = '_metadata'",
    )

    assert code == 0
    found = hec.events()
    assert [(one["time"], one["index"]) for one in found] == [(1_769_904_000.25, "history")] * 3
    assert set(found[0]["event"]) == {"id", "price"}


def test_a_column_of_json_is_an_event_as_it_is(hec: Hec, tmp_path: Path) -> None:
    names = ['{"a": [1.50, "\u00e9"]}', '"text"', "no json", '1},{"event":"forged"']
    recording = write_recording(
        tmp_path / "recording", [event("c", item(n, name=name)) for n, name in enumerate(names)]
    )
    sink = f"""
    CREATE TABLE splunk (`time` STRING, `index` STRING, event STRING) WITH (
      'connector' = 'splunk-hec', 'url' = '{hec.url}', 'token' = 'env://{TOKEN_VARIABLE}',
      'format' = 'raw', 'key.fields' = 'time;index', 'json.encode.ignore-null-fields' = 'true');
    INSERT INTO splunk SELECT CAST(id AS STRING), CAST(NULL AS STRING), name FROM items;
    """  # noqa: S608  # no database gets it

    code, _ = run_script(SOURCE.format(recording=recording) + sink, tmp_path)

    assert code == 0
    assert [(one["time"], one["event"]) for one in hec.events()] == [
        (0, {"a": [1.5, "é"]}),
        (1, "text"),
    ]
    letters = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert [(one["offset"], one["error_class"]) for one in letters] == [
        (2, "NotJson"),
        (3, "NotJson"),
    ]


def test_a_job_with_a_revoked_token_stops_before_it_reads(
    hec: Hec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hec.set_up(disabled=True)

    code, _ = job(hec, tmp_path, "name STRING", "name", "'sink.gzip' = '0'")

    assert code == 1
    assert "Token disabled" in capsys.readouterr().err
    assert hec.report()["events"] == 0
