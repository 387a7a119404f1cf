"""The command line: flags, exit codes, and what a person reads when something is wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import aml, run_job, sql_job
from tests.pipelines.recorded import event, item, run_script, write_recording

ROOT = Path(__file__).parents[2]
JOB = """
CREATE TABLE items (id BIGINT, name STRING, user_id BIGINT, proctime AS PROCTIME())
WITH ('connector' = 'recording', 'path' = '${RECORDING}');
CREATE TABLE users (id BIGINT, name STRING)
WITH ('connector' = 'jdbc', 'url' = '${URL:-sqlite:///users.db}', 'table-name' = 'users',
  'lookup.max-retries' = '0' ${MORE:-});
CREATE TABLE sink (id BIGINT, name STRING)
WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/events.jsonl', 'format' = 'json');
INSERT INTO sink
SELECT i.id, u.name FROM items AS i
LEFT JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
"""


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What was written on standard error: sentences, and never a stack trace."""
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    return errors


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "recording", [event("c", item(1, user_id=1))])


def users(path: Path, ddl: str = "CREATE TABLE users (id INTEGER, name TEXT)") -> str:
    database = sqlite3.connect(path)
    database.executescript(ddl)
    database.close()
    return f"--variable=URL=sqlite:///{path}"


def test_a_run_exits_with_0_and_writes_nothing_on_standard_error(tmp_path: Path) -> None:
    # A process of its own: warnings and logs of imports and of the end count as well.
    command = [sys.executable, "-m", "pipelines.aml", f"--output_dir={tmp_path}"]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert all(len(line) <= 80 for line in run.stdout.splitlines() if "━" in line or "│" in line)
    assert "\x1b" not in run.stdout


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        # Other pipelines that this process has imported have flags like it, which come behind it.
        (["--outptu_dir=x"], "unknown flag --outptu_dir; did you mean --output_dir"),
        (["--output_di=x"], "unknown flag --output_di; did you mean --output_dir"),
        (["--qqqqqqqq=x"], "unknown flag --qqqqqqqq; --help tells of the flags"),
        (["explain"], "'explain' belongs to no flag; expected --flag=value"),
        (["--explain", "yes"], "'yes' belongs to no flag; expected --flag=value"),
        (["--batch_size=many"], "--batch_size: invalid int value: 'many'"),
        (["--batch_size=0"], "--batch_size=0: expected 1 to 1000000"),
        (["--variable"], "--variable: expected one argument"),
        (["--variable=NAME"], "--variable=NAME: expected NAME=VALUE"),
        (["--variable=1A=x"], "--variable=1A=x: expected NAME=VALUE"),
        (["--decoder=magic"], "--decoder=magic: decoder 'magic' is unknown"),
        (["--runner=NoSuchRunner"], "--runner=NoSuchRunner: jobs run on DirectRunner, PrismRunner"),
    ],
)
def test_a_misused_flag_is_told_with_the_exit_code_2(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aml.main([f"--output_dir={tmp_path}", *flags]) == 2
    errors = told(capsys)
    assert errors.startswith(f"error: {sentence}")
    assert errors.count("\n") == 1
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_job_that_cannot_be_read_is_misuse(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tmp_path / "job.sql"
    if content is not None:
        job.write_bytes(content)
    assert sql_job.main([f"--job={job}"]) == 2
    assert "expected a file with an SQL script" in told(capsys)


def test_a_missing_job_flag_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert sql_job.main([]) == 2
    assert told(capsys) == "error: --job is required: the file with the SQL script to run\n"


@pytest.mark.parametrize("main", [aml.main, sql_job.main])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_shows_the_pipelines_own_flags(
    main: object, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(main)
    assert main([flag]) == 0
    shown = capsys.readouterr().out
    for name in ("--output_dir", "--variable", "--explain", "--batch_size", "--decoder"):
        assert name in shown
    assert "--dataflow_endpoint" not in shown


def test_explain_runs_nothing_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aml.main([f"--output_dir={tmp_path / 'out'}", "--explain"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("job aml.sql\n")
    assert shown.err == ""
    assert not list(tmp_path.iterdir())


def test_explain_needs_no_secret(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = JOB.replace("${MORE:-}", ", 'username' = 'me', 'password' = 'env://NO_SUCH_SECRET'")
    flags = [f"--variable=RECORDING={recording}", "--variable=URL=postgresql+psycopg://host/shop"]
    code, _ = run_script(script, tmp_path, *flags, "--explain")
    assert code == 0
    assert "database: postgresql+psycopg://me@host/shop" in capsys.readouterr().out
    code, _ = run_script(script, tmp_path, *flags)
    assert code == 1
    assert told(capsys).startswith("error: env://NO_SUCH_SECRET: the environment variable")


def test_a_password_in_the_script_is_refused_and_not_shown(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = JOB.replace("${URL:-sqlite:///users.db}", "postgresql+psycopg://me:hunter2@host/shop")
    code, _ = run_script(script, tmp_path, f"--variable=RECORDING={recording}")
    assert code == 2
    errors = told(capsys)
    assert "job.sql:5:37: the address holds a password in plain text" in errors
    assert "hunter2" not in errors


def test_a_password_from_outside_is_taken_and_not_shown(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "--variable=URL=postgresql+psycopg://me:hunter2@localhost:1/shop"
    code, _ = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}", url, "--explain")
    assert code == 0
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err
    assert "me:***@localhost" in shown.out


@pytest.mark.parametrize("lost", ["records.jsonl", "schemas.json"])
def test_a_recording_that_is_gone_stops_the_job_at_the_start(
    lost: str, tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recording / lost).unlink()
    code, _ = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}")
    assert code == 1
    assert f"is no recording: it has no file {lost}" in told(capsys)


@pytest.mark.parametrize(("name", "text"), [("records.jsonl", '{"topic"'), ("schemas.json", "{")])
def test_a_recording_that_is_cut_stops_the_job(
    name: str, text: str, tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recording / name).write_text(text, encoding="utf-8")
    url = users(tmp_path / "users.db")
    code, _ = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}", url)
    assert code == 1
    errors = told(capsys)
    assert errors.startswith("error: ")
    assert str(recording / name) in errors
    assert "while running" not in errors


@pytest.mark.parametrize(
    ("ddl", "sentence"),
    [
        ("CREATE TABLE persons (id INTEGER)", "has no table 'users'; "),
        ("CREATE TABLE users (id INTEGER)", "table users has no column 'name'; "),
    ],
)
def test_a_lookup_database_without_table_or_column_stops_the_job_at_the_start(
    ddl: str, sentence: str, tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = users(tmp_path / "users.db", ddl)
    code, summary = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}", url)
    assert (code, summary) == (1, {})
    assert sentence in told(capsys)


@pytest.mark.parametrize("at_the_start", [True, False])
def test_a_lookup_database_that_is_gone_stops_the_job(
    *,
    at_the_start: bool,
    tmp_path: Path,
    recording: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not at_the_start:
        monkeypatch.setattr(run_job, "check_lookups", lambda plan: None)
    url = f"--variable=URL=sqlite:///{tmp_path}/nowhere/users.db"
    code, summary = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}", url)
    assert (code, summary) == (1, {})
    last = told(capsys).splitlines()[-1]
    assert last.startswith("error: sqlite:///")
    assert "is unavailable" in last


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as another user")
def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    url = users(tmp_path / "users.db")
    code, _ = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}", url)
    assert code == 2
    assert "choose a folder that can be written" in told(capsys)


def test_a_file_in_the_place_of_the_output_folder_is_told(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    url = users(tmp_path / "users.db")
    code, _ = run_script(JOB, tmp_path, f"--variable=RECORDING={recording}", url)
    assert code == 2
    assert "choose a folder that can be written" in told(capsys)


def test_a_failed_run_leaves_the_events_of_the_run_before(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--variable=RECORDING={recording}", users(tmp_path / "users.db")]
    assert run_script(JOB, tmp_path, *flags)[0] == 0
    before = (tmp_path / "out" / "events.jsonl").read_bytes()
    shutil.copy(recording / "records.jsonl", recording / "whole.jsonl")
    with (recording / "records.jsonl").open("a", encoding="utf-8") as records:
        records.write('{"topic": "cut')
    assert run_script(JOB, tmp_path, *flags)[0] == 1
    assert (tmp_path / "out" / "events.jsonl").read_bytes() == before
    assert "line 2" in told(capsys)
