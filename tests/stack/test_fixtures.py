"""What a run of pytest does with the fixtures of the stack: it skips, fails, starts and ends."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.home import ROOT, VARIABLE
from tests.stack.processes import marked

PLUGIN = """
from tests.stack import parts, schema_registry
from tests.stack.echo_part import Echo
from tests.stack.part import Missing

class Kafka(Echo):
    name = "kafka"

    def plan(self, context):
        plan = super().plan(context)
        return type(plan)({"brokers": plan.endpoints["address"], **plan.endpoints}, plan.processes)

class Registry(Echo):
    name = "registry"

    def require(self):
        raise Missing("Java 21 is needed")

parts.PARTS["kafka"] = Kafka()
parts.PARTS["registry"] = Registry()
"""

TESTS = """
import time
from pathlib import Path

def test_kafka(kafka):
    kafka.stop()

def test_kafka_again(kafka):
    from tests.stack.asking import listens
    listens(kafka.brokers)

def test_registry(registry):
    raise AssertionError("not reached")
"""

SLOW = """
import time

def test_kafka(kafka):
    print("READY", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plugin_of_parts.py").write_text(PLUGIN)
    return tmp_path


def test_a_missing_part_skips_its_tests_with_the_reason(folder: Path) -> None:
    output = _finished(folder, TESTS, CI="")
    assert "2 passed, 1 skipped" in output
    assert "registry cannot be used on this machine: Java 21 is needed" in output


def test_under_ci_a_missing_part_fails_its_tests(folder: Path) -> None:
    output = _finished(folder, TESTS, CI="true")
    assert "2 passed, 1 error" in output
    assert "CI runs every test, but registry cannot be used" in output


def test_nothing_is_started_for_tests_that_ask_for_nothing(folder: Path) -> None:
    output = _finished(folder, "def test_nothing(): pass")
    assert "1 passed" in output
    assert not (folder / "home").exists()


def test_an_interrupted_run_ends_its_servers(folder: Path) -> None:
    with _started(folder, SLOW, "-s") as run:
        assert run.stdout is not None
        assert any("READY" in line for line in run.stdout)
        assert marked_processes(folder)
        run.send_signal(signal.SIGINT)
        output = run.stdout.read()
    assert "KeyboardInterrupt" in output
    assert not marked_processes(folder)


def marked_processes(folder: Path) -> list[object]:
    sessions = (folder / "home" / "run").glob("session-*")
    return [process for session in sessions for process in marked(session)]


def _finished(folder: Path, tests: str, **environment: str) -> str:
    with _started(folder, tests, "-rs", **environment) as run:
        output, _ = run.communicate(timeout=120)
    assert not marked_processes(folder)
    return str(output)


def _started(folder: Path, tests: str, *flags: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "test_generated.py").write_text(tests)
    arguments = ("-p", "plugin_of_parts", "-p", "tests.stack.fixtures", "-p", "no:cacheprovider")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments, *flags, "--rootdir", folder, folder],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{folder}",
            VARIABLE: str(folder / "home"),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so do its children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
