"""main.py of a template runs its pipeline, with the Java transforms of the image at hand."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult
from apache_beam.runners.runner import PipelineState

from pipelines.follow import until_stopped
from pipelines.options import FlagError, parse_options
from pipelines.suspects import watchdog_of
from pipelines.watchdog import watched
from templates import launching
from templates.arguments import JAVA
from templates.catalogue import TEMPLATES
from templates.java_service import command, free_port, serving

ROOT = Path(__file__).parents[2]
SERVER = """
import concurrent.futures, sys, time
import grpc
server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
time.sleep(600)
"""


def server(port: int) -> list[str]:
    """A command that serves gRPC."""
    return [sys.executable, "-c", SERVER, str(port)]


def answers(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=1)
        except grpc.FutureTimeoutError:
            return False
    return True


def test_the_service_answers_while_it_is_needed_and_is_gone_then() -> None:
    port = free_port()
    with serving(server(port), port) as address:
        assert answers(address)
    assert not answers(address)


def test_a_service_that_ends_is_told() -> None:
    with pytest.raises(FlagError, match=r"ended with 3: its log says why$"):
        with serving([sys.executable, "-c", "raise SystemExit(3)"], free_port()):
            pass
    with pytest.raises(FlagError, match=r"^no-such-java: .*the image has Java on its PATH$"):
        with serving(["no-such-java"], free_port()):
            pass


def test_the_service_is_of_the_jar_and_workers_get_the_jar() -> None:
    assert command("/opt/t.jar", 7) == [
        "java",
        "-jar",
        "/opt/t.jar",
        "7",
        "--filesToStage=/opt/t.jar",
    ]


def test_the_pipeline_gets_the_address_of_the_java_transforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[list[str]] = []

    def main(flags: Sequence[str] | None) -> int:
        ran.append(list(flags or ()))
        (given,) = [flag for flag in ran[-1] if flag.startswith("--expansion_service=")]
        assert answers(given.partition("=")[2])
        return 5

    monkeypatch.setitem(TEMPLATES, "aml", dataclasses.replace(TEMPLATES["aml"], main=main))
    monkeypatch.setattr(launching, "command", lambda _jar, port: server(port))
    assert launching.launch_pipeline("aml", ["--kafka_brokers=h:1"], {JAVA: "t.jar"}) == 5
    (flags,) = ran
    assert flags[:2] == ["--follow", "--kafka_brokers=h:1"]
    known = parse_options(flags).get_all_options()
    assert known["java_batches"] is True


def test_a_launch_ends_when_the_job_is_handed_over() -> None:
    # Beam's result where a template was made: there is no job yet that could be waited for.
    result = DataflowPipelineResult(None, None)
    options = parse_options(["--runner=DataflowRunner"])
    with watched(watchdog_of(result, options, [])):
        until_stopped(result)
    assert result.state == PipelineState.DONE


def test_a_pipeline_without_java_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "command", lambda _jar, _port: ["no-such-java"])
    # The pipeline itself ends: it misses its flags.
    assert launching.launch_pipeline("splunk", [], {JAVA: "t.jar"}) == 2


def test_a_wrong_parameter_ends_the_launch_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert launching.launch_pipeline("change_log", ["--exactly_once=maybe"], {}) == 2
    assert capsys.readouterr().err == "error: --exactly_once='maybe': expected true or false\n"


def test_main_runs_beside_the_package_as_it_is_in_the_image(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_bytes((ROOT / "templates" / "aml" / "main.py").read_bytes())
    package = tmp_path / "templates"
    package.mkdir()
    for path in (ROOT / "templates").glob("*.py"):
        (package / path.name).write_bytes(path.read_bytes())
    done = subprocess.run(
        [sys.executable, "main.py", "--help"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "KAMIFLOW_JAVA": "/opt/t.jar"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--lookup_url" in done.stdout
