"""Jobs that decrypt into a sink that refuses rows and quotes them: no value is told."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest

from pipelines import sinks, sql_job
from tests.pipelines.recorded import json_lines
from tests.stack.databases import Database
from tests.transforms.encryption_vectors import KEYS
from transforms.sink_rows import REFUSED_ROWS

SECRET = "SECRET-4111"  # noqa: S105  (a card's number that nobody has)
PLAIN = "CONCAT('SECRET', '-4111')"
SEALED = f"DECRYPT(ENCRYPT({PLAIN}))"
"""A card as it is decrypted; script and plan do not have its text whole."""
SCRIPT = """
SET 'encryption.keys' = 'env://SINK_TEST_KEYS';
CREATE TABLE items (id BIGINT, name STRING) WITH ('connector' = 'recording',
  'path' = 'tests/data/recordings/mysql_adaptive', 'topic' = 'mysql_adaptive.shop.items_full',
  'value.format' = 'debezium-avro-confluent');
CREATE TABLE cards (id BIGINT, card STRING{key}) WITH ({options});
INSERT INTO cards SELECT id, {card} FROM items WHERE id < 20 AND name IS NOT NULL;
"""
DDL = "CREATE TABLE cards (id BIGINT PRIMARY KEY, card VARCHAR(99))"
# Each refuses every row, and quotes its card.
POSTGRES = (
    DDL,
    """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN RAISE EXCEPTION USING MESSAGE = concat(''no such card: '', NEW.card); END'""",
    "CREATE TRIGGER refusing BEFORE INSERT ON cards FOR EACH ROW EXECUTE FUNCTION refuse()",
)
MYSQL = (
    DDL,
    """CREATE TRIGGER refusing BEFORE INSERT ON cards FOR EACH ROW
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = NEW.card""",
)


@pytest.fixture(autouse=True)
def _everything_is_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SINK_TEST_KEYS", json.dumps(KEYS["platform"]))
    # Those that set a level of their own, and below one that a command quietens.
    names = ("", "sqlalchemy", "apache_beam.runners", "apache_beam.transforms", "pipeline_io")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(params=["postgres", "mysql"])
def refusing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The options of a table in a database that refuses every row."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    database.execute(*(POSTGRES if request.param == "postgres" else MYSQL))
    monkeypatch.setenv("SINK_TEST_PASSWORD", database.password)
    kind = "postgresql" if request.param == "postgres" else "mysql"
    return {
        "connector": "jdbc",
        "url": f"jdbc:{kind}://{database.host}:{database.port}/{database.name}",
        "username": database.user,
        "password": "env://SINK_TEST_PASSWORD",
        "table-name": "cards",
    }


def run(tmp_path: Path, card: str, options: dict[str, str]) -> int:
    script = tmp_path / "job.sql"
    told = ", ".join(f"'{name}' = '{value}'" for name, value in options.items())
    key = ", PRIMARY KEY (id) NOT ENFORCED" if options["connector"] == "jdbc" else ""
    script.write_text(SCRIPT.format(card=card, options=told, key=key), encoding="utf-8")
    return sql_job.main([f"--job={script}", f"--output_dir={tmp_path}/out"])


def told_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> str:
    """All that a run has left: its files, what it printed, what it logged."""
    files = [path.read_text() for path in (tmp_path / "out").iterdir() if path.is_file()]
    return "\n".join([*files, *capfd.readouterr(), caplog.text])


def letters_of(tmp_path: Path) -> list[dict[str, Any]]:
    letters = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert len(letters) > 5
    return letters


def test_a_row_that_a_database_refuses_is_told_by_the_databases_code(
    refusing: dict[str, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert run(tmp_path, SEALED, refusing) == 0
    for letter in letters_of(tmp_path):
        assert letter["error_class"] == "RefusedByDatabase"
        # PostgreSQL's code, and MySQL's number.
        assert "(P0001)" in letter["message"] or "(1644)" in letter["message"]
        assert "since the job decrypts" in letter["message"]
    assert {"sqlalchemy", "apache_beam"} <= {one.name.partition(".")[0] for one in caplog.records}
    assert SECRET not in told_of(tmp_path, capfd, caplog)


def test_a_job_that_does_not_decrypt_tells_what_the_database_says(
    refusing: dict[str, str], tmp_path: Path
) -> None:
    assert run(tmp_path, PLAIN, refusing) == 0
    for letter in letters_of(tmp_path):
        assert SECRET in letter["message"]


@pytest.mark.parametrize("card", [SEALED, PLAIN])
@pytest.mark.parametrize("state", ["42000", "57P03"], ids=["it refuses all", "it is away"])
@pytest.mark.parametrize("refusing", ["postgres"], indirect=True)
def test_a_database_that_stops_the_job_is_not_quoted_either(
    state: str,
    card: str,
    postgres_database: Database,
    refusing: dict[str, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    postgres_database.execute(
        f"""CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN RAISE EXCEPTION USING MESSAGE = NEW.card, ERRCODE = ''{state}''; END'"""
    )
    assert run(tmp_path, card, {**refusing, "sink.max-retries": "1"}) == 1
    told = told_of(tmp_path, capfd, caplog)
    assert (f"({state})" in told) is (card == SEALED)
    assert (SECRET in told) is (card == PLAIN)


class Quoting(beam.PTransform[Any, Any]):
    """A sink that refuses every row and quotes it."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def expand(self, rows: Any) -> Any:
        return rows | beam.Map(quoted)


def quoted(batch: pa.RecordBatch) -> pa.RecordBatch:
    said = [f"400: {row}" for row in batch.column("payload").to_pylist()]
    columns: list[Any] = [batch.column("record"), pa.array(["Refused"] * len(said)), pa.array(said)]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_ROWS)


@pytest.mark.parametrize(
    ("writer", "checker", "options"),
    [
        (
            "WriteTopic",
            "check_topic",
            {
                "connector": "kafka",
                "topic": "cards",
                "properties.bootstrap.servers": "nowhere:9092",
                "value.format": "json",
            },
        ),
        (
            "WriteMessages",
            "check_pubsub",
            {"connector": "pubsub", "project-name": "project", "topic": "cards", "format": "json"},
        ),
        (
            "WriteBigQueryRows",
            "check_bigquery",
            {"connector": "bigquery", "project": "p", "dataset": "d", "table": "cards"},
        ),
    ],
)
@pytest.mark.parametrize("card", [SEALED, PLAIN])
def test_whatever_the_sink_says_of_a_row_is_hidden_where_the_job_decrypts(
    writer: str,
    checker: str,
    options: dict[str, str],
    card: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sinks, writer, Quoting)
    monkeypatch.setattr(sinks, checker, lambda *_: None)
    assert run(tmp_path, card, options) == 0
    for letter in letters_of(tmp_path):
        assert letter["error_class"] == "Refused"
        assert (SECRET in letter["message"]) is (card == PLAIN)
    assert (SECRET in told_of(tmp_path, capfd, caplog)) is (card == PLAIN)
