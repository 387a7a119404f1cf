"""Flink itself takes the configuration of templates/flink, and logs as it says."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from tests.stack import flink_home
from tests.stack.command import run
from tests.stack.installing import install
from tests.stack.jdk import java
from tests.stack.part import Missing
from tests.stack.stack import silent
from tests.templates.flink_checks import FOLDER
from tests.templates.manifests import unavailable

# Flink's distribution is brought, and a Java compiles and runs for each of them.
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
BASE = FOLDER / "base"


@pytest.fixture(scope="module")
def libraries() -> list[Path]:
    """Flink's own jars."""
    try:
        return sorted((install(flink_home.PART, silent) / "lib").glob("*.jar"))
    except Missing as error:
        unavailable("Flink", error)


def told(libraries: list[Path], program: str, *arguments: str | Path) -> list[str]:
    """The lines of a program of this folder."""
    path = ":".join(map(str, libraries))
    options = [word for word in arguments if str(word).startswith("-D")]
    words = [word for word in arguments if word not in options]
    command = [java(flink_home.JAVA), "-cp", path, *options, HERE / f"{program}.java", *words]
    return run(command).splitlines()


def unknown(libraries: list[Path], folder: Path) -> list[str]:
    """What Flink does not know of a configuration."""
    (dist,) = [one for one in libraries if one.name.startswith("flink-dist-")]
    *found, known = told(libraries, "FlinkKeys", folder, dist)
    assert int(known.removeprefix("options known: ")) > 500
    return found


def test_every_key_is_one_of_flinks_and_has_a_value_of_its_type(libraries: list[Path]) -> None:
    assert unknown(libraries, BASE) == []


def test_what_flink_does_not_know_is_found(libraries: list[Path], tmp_path: Path) -> None:
    shutil.copy(BASE / "config.yaml", tmp_path)
    path = tmp_path / "config.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("jobmanager.scheduler:", "jobmanager.planner:"),
        ("heartbeat.timeout: 30000", "heartbeat.timeout: 30s"),
        ("taskmanager.memory.process.size: 3500m", "taskmanager.memory.process.size: 900m"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    wrong_value, key, memory = sorted(
        unknown(libraries, tmp_path), key=lambda line: ("w", "u", "m").index(line[0])
    )
    assert wrong_value.startswith("wrong value of heartbeat.timeout")
    assert key == "unknown key jobmanager.planner"
    assert memory.startswith("memory does not fit")


def test_each_line_of_the_log_is_a_json_object(libraries: list[Path]) -> None:
    setting = f"-Dlog4j.configurationFile={(BASE / 'log4j-console.properties').as_uri()}"
    lines = [json.loads(line) for line in told(libraries, "FlinkLog", setting)]
    assert [line["severity"] for line in lines] == ["INFO", "WARNING", "ERROR"]
    first, _, last = lines
    assert first["message"] == 'a "quoted" \\ text\twith é\nand a second line'
    assert first["logger"] == 'kamiflow."quoted"'
    assert 'IllegalStateException: why "so"\nand more' in last["exception"]
    assert first["exception"] == ""
    for line in lines:
        when = datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
        assert when.utcoffset() is not None
