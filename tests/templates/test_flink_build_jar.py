"""The job's jar is made of an overlay's file of flags."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipelines.options import FlagError
from templates.arguments import JAVA
from templates.catalogue import TEMPLATES
from templates.flink import build_jar
from templates.flink.build_jar import PIPELINES, RUNNER, arguments_of, build, flags_of, main
from tests.templates.dockerfile import ROOT


def written(folder: Path, text: str) -> Path:
    path = folder / "flags.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_line_is_a_flag_as_it_is(tmp_path: Path) -> None:
    text = "# Comment\n\n--a=1\n  --b_c=x y='z' # no comment\n--switch\n"
    flags = ["--a=1", "--b_c=x y='z' # no comment", "--switch"]
    assert flags_of(written(tmp_path, text)) == flags


@pytest.mark.parametrize("line", ["a=1", "--a 1", "--=1", "-a=1", "--a-b=1"])
def test_a_line_that_is_no_flag_is_told_by_its_number_and_not_shown(
    line: str, tmp_path: Path
) -> None:
    path = written(tmp_path, f"--x=1\n\n{line}secret\n")
    with pytest.raises(FlagError, match=r"flags\.txt:3: no flag") as caught:
        flags_of(path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["runner", "follow", "output_executable_path", "java_batches"])
def test_what_the_image_sets_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=f"--{name} is set by the image"):
        flags_of(written(tmp_path, f"--{name}=x\n"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="No such file"):
        flags_of(tmp_path / "flags.txt")


def test_a_pipeline_without_java_is_given_no_service(tmp_path: Path) -> None:
    jar = tmp_path / "job.jar"
    words = arguments_of(TEMPLATES["splunk"], ["--a=1"], jar, "")
    assert words == ["--a=1", RUNNER, "--follow", f"--output_executable_path={jar}"]
    words = arguments_of(TEMPLATES["aml"], ["--a=1"], jar, "127.0.0.1:9")
    assert words[-2:] == ["--expansion_service=127.0.0.1:9", "--java_batches"]


def test_a_script_in_a_bucket_is_brought(tmp_path: Path) -> None:
    def fetch(address: str) -> str:
        return f"/copy/{address.rpartition('/')[2]}"

    jar = tmp_path / "job.jar"
    flags = ["--job=gs://B/job.sql", "--dead_letters=gs://B/letters"]
    words = arguments_of(TEMPLATES["sql_job"], flags, jar, "", fetch)
    assert words[:2] == ["--job=/copy/job.sql", "--dead_letters=gs://B/letters"]
    words = arguments_of(TEMPLATES["sql_job"], ["--job=/etc/kamiflow/job.sql"], jar, "", fetch)
    assert words[0] == "--job=/etc/kamiflow/job.sql"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of the pipelines; a service of Java is only said to be there."""
    seen: list[list[str]] = []

    @contextlib.contextmanager
    def service(starts: Sequence[str], port: int) -> Iterator[str]:
        seen.append(list(starts))
        yield f"127.0.0.1:{port}"

    def pipeline(argv: Sequence[str] | None) -> int:
        seen.append(list(argv or ()))
        return 3

    monkeypatch.setattr(build_jar, "serving", service)
    monkeypatch.setattr(
        build_jar,
        "TEMPLATES",
        {name: dataclasses.replace(one, main=pipeline) for name, one in TEMPLATES.items()},
    )
    return seen


def test_the_jar_is_made_beside_the_images_java(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JAVA, "/opt/java.jar")
    flags = written(tmp_path, "--a=1\n")
    words = [f"--flags={flags}", f"--jar={tmp_path / 'job.jar'}", "--pipeline=aml"]
    # What the pipeline says is what the container ends with.
    assert main(words) == 3
    java, pipeline = started
    assert java[:3] == ["java", "-jar", "/opt/java.jar"]
    assert pipeline[0] == "--a=1"
    assert pipeline[-2] == f"--expansion_service=127.0.0.1:{java[3]}"


def test_without_java_a_pipeline_that_needs_it_is_refused(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(JAVA, raising=False)
    flags = written(tmp_path, "--a=1\n")
    with pytest.raises(FlagError, match="KAMIFLOW_JAVA is not set"):
        build("aml", flags, tmp_path / "job.jar")
    assert build("splunk", flags, tmp_path / "job.jar") == 3
    assert len(started) == 1


def test_what_is_wrong_is_a_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = written(tmp_path, "--a=1\n")
    assert main([f"--flags={flags}", "--jar=job.jar", "--pipeline=am1"]) == 2
    wrong = "--pipeline=am1: expected one of aml, aml_velocity, sql_job, splunk, change_log"
    assert wrong in capsys.readouterr().err


def test_the_pipelines_that_are_named_are_those_that_make_a_jar() -> None:
    text = (ROOT / "docs" / "flink_kubernetes.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"Pipelines are (.*?)\.", text)
    assert set(re.findall(r"`(\w+)`", told)) == set(PIPELINES)
    for path in (ROOT / "templates" / "flink").glob("*/settings.env"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert set(re.findall(r"\b(?!The|pipeline|or)\w+", first)) == set(PIPELINES), path
