"""Logs as JSON: a line each that parses, whatever happened; as text they are what they were."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines import aml, logs, snapshot, sql_job
from pipelines.command import run_command
from pipelines.options import JobOptions
from pipelines.progress import shown
from tests.pipelines.recorded import event, item, write_recording

JSON = "--log_format=json"
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
SCRIPT = """
SET 'pipeline.name' = 'orders-to-file';
CREATE TABLE items (id BIGINT, user_id BIGINT, proctime AS PROCTIME())
WITH ('connector' = 'recording', 'path' = '${RECORDING}');
CREATE TABLE users (id BIGINT, name STRING)
WITH ('connector' = 'jdbc', 'url' = '${URL}', 'table-name' = 'users', 'lookup.max-retries' = '0');
CREATE TABLE sink (id BIGINT, name STRING)
WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/events.jsonl', 'format' = 'json');
INSERT INTO sink SELECT i.id, u.name FROM items AS i
LEFT JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
"""


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """What a command sets up is this process's own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    logs.begin(logs.TEXT)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Standard error, a JSON object a line."""
    errors = capsys.readouterr().err
    assert "\x1b" not in errors
    return [json.loads(line) for line in errors.splitlines()]


def test_a_misused_flag_is_one_line_with_the_sentence_and_the_same_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--output_dir={tmp_path}", "--batch_size=0"]
    assert aml.main(flags) == 2
    assert capsys.readouterr().err == "error: --batch_size=0: expected 1 to 1000000\n"
    assert aml.main([*flags, JSON]) == 2
    (line,) = lines(capsys)
    assert UTC.fullmatch(line.pop("time"))
    assert line == {
        "severity": "ERROR",
        "message": "--batch_size=0: expected 1 to 1000000",
        "logger": "kamiflow",
        "pipeline": "aml",
        "job": "aml",
    }


def test_a_job_that_fails_is_one_line_with_its_name_and_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "orders.sql"
    script.write_text(SCRIPT, encoding="utf-8")
    recording = write_recording(tmp_path / "recording", [event("c", item(1, user_id=1))])
    flags = [
        f"--job={script}",
        f"--output_dir={tmp_path / 'out'}",
        f"--variable=RECORDING={recording}",
        "--variable=URL=postgresql+psycopg://me:hunter2@localhost:1/shop",
    ]
    assert sql_job.main([*flags, JSON]) == 1
    written = capsys.readouterr()
    assert "hunter2" not in written.err + written.out
    told = [json.loads(text) for text in written.err.splitlines()]
    # Before it gives up it warns.
    assert {each["severity"] for each in told[:-1]} <= {"WARNING"}
    line = told[-1]
    assert (line["severity"], line["pipeline"], line["job"]) == (
        "ERROR",
        "sql_job",
        "orders-to-file",
    )
    assert "localhost" in line["message"]


def test_the_name_of_the_command_line_is_the_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    run_command(None, JobOptions, breaks, [JSON, "--job_name=aml-prod"])
    logs.name_job("aml")
    logs.tell_error("it ends")
    assert [line["job"] for line in lines(capsys)] == ["aml-prod", "aml-prod"]


def breaks(options: object) -> None:
    message = "nobody thought\nof this"
    raise KeyError(message)


def test_an_error_that_says_nothing_itself_is_one_line_with_its_stack(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(None, JobOptions, breaks, [JSON]) == 1
    (line,) = lines(capsys)
    assert line["severity"] == "ERROR"
    assert line["message"].startswith("KeyError: ")
    assert line["exception"].startswith("Traceback")
    assert "in breaks" in line["exception"]


def test_as_text_such_an_error_is_raised() -> None:
    with pytest.raises(KeyError, match="nobody thought"):
        run_command(None, JobOptions, breaks, [])


def test_a_warning_tells_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin(logs.JSON, "change_log")
    logs.name_job("shop-log")
    logger = logging.getLogger("pipeline_io.somewhere")
    logger.warning("%s: rows wait\nfor a lock", "orders", extra={"table": "orders"})
    logger.info("nobody asked")
    logs.tell("half of it is done")
    waits, told = lines(capsys)
    assert UTC.fullmatch(waits.pop("time"))
    assert waits == {
        "severity": "WARNING",
        "message": "orders: rows wait\nfor a lock",
        "logger": "pipeline_io.somewhere",
        "table": "orders",
        "pipeline": "change_log",
        "job": "shop-log",
    }
    assert (told["severity"], told["message"]) == ("INFO", "half of it is done")


def test_what_a_person_is_told_of_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.say(Console(), "read up to noon")
    assert capsys.readouterr() == ("read up to noon\n", "")
    logs.begin(logs.JSON)
    logs.say(Console(), "read up to noon")
    (line,) = lines(capsys)
    assert (line["severity"], line["message"]) == ("INFO", "read up to noon")


def test_warnings_of_python_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin(logs.JSON)
    warnings.warn("an old way", UserWarning, stacklevel=1)
    (line,) = lines(capsys)
    assert (line["severity"], line["logger"]) == ("WARNING", "py.warnings")
    assert "an old way" in line["message"]


@pytest.mark.parametrize(
    ("argv", "environment", "expected"),
    [
        ([], {}, "text"),
        ([], {"KAMIFLOW_LOG_FORMAT": ""}, "text"),
        ([], {"KAMIFLOW_LOG_FORMAT": "json"}, "json"),
        (["--log_format=text"], {"KAMIFLOW_LOG_FORMAT": "json"}, "text"),
        (["--log_format", "json"], {}, "json"),
        (["--log_format"], {}, "text"),
        (["--log_format=xml"], {}, "text"),
    ],
)
def test_the_flag_goes_before_the_environment(
    argv: list[str], environment: dict[str, str], expected: str
) -> None:
    assert logs.wanted_format(argv, environment) == expected


@pytest.mark.parametrize("main", [aml.main, snapshot.main])
def test_a_format_that_there_is_not_is_misuse(
    main: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--log_format=xml"]) == 2
    assert capsys.readouterr().err.startswith("error: --log_format: invalid choice: 'xml'")
    monkeypatch.setenv(logs.VARIABLE, "xml")
    assert main([]) == 2
    expected = "error: KAMIFLOW_LOG_FORMAT='xml': expected text or json\n"
    assert capsys.readouterr().err == expected


def test_progress_is_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    for log_format, expected in ((logs.TEXT, True), (logs.JSON, False)):
        logs.begin(log_format)
        with shown(Console(force_terminal=True)):
            pass
        assert bool(capsys.readouterr().out) is expected


def test_help_tells_of_the_flag_and_not_of_what_travels(capsys: pytest.CaptureFixture[str]) -> None:
    assert aml.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert "--log_format" in told
    assert "--log_pipeline" not in told
