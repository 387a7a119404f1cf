"""The image of the Flex Templates: templates/Dockerfile, beside what holds for every Dockerfile."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pytest
from apache_beam.coders import RowCoder
from apache_beam.coders.typecoders import registry
from apache_beam.io.gcp.bigquery import StorageWriteToBigQuery
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.transforms.external import (
    ExternalTransform,
    ImplicitSchemaPayloadBuilder,
    SchemaAwareExternalTransform,
)
from apache_beam.transforms.sql import SqlTransform

from pipeline_io.kafka_java import BATCHES_URN
from templates.arguments import IMAGE, JAVA
from templates.java_service import command, free_port, serving
from tests.stack import beam_java
from tests.templates.docker_build import Build
from tests.templates.dockerfile import FOLDER, ROOT, copied, stages_of

PATH = FOLDER / "Dockerfile"
STAGES = stages_of(PATH)
LAST = STAGES[-1]


# Not a class: its annotations would be texts, which Beam SQL takes no types from.
Account = NamedTuple("Account", [("a", int)])  # noqa: UP014
registry.register_coder(Account, RowCoder)


def environment() -> dict[str, str]:
    """What the image sets."""
    (line,) = LAST.of("ENV")
    return dict(word.split("=", 1) for word in line.split())


def test_beam_is_the_one_of_the_pom() -> None:
    version = LAST.base.rpartition(":")[2]
    assert LAST.base == f"apache/beam_python3.12_sdk:{version}"
    pom = (FOLDER / "java" / "pom.xml").read_text(encoding="utf-8")
    assert f"<beam.version>{version}</beam.version>" in pom


def test_python_is_the_launchers() -> None:
    (launcher,) = [stage for stage in STAGES if stage.name == "launcher"]
    (python,) = re.findall(r"beam_python3\.(\d+)_sdk", LAST.base)
    assert f"/python3{python}-template-launcher-base:" in launcher.base


def test_what_is_built_is_copied_from_where_it_is_built() -> None:
    origins = {copy.origin: copy.sources for copy in copied(LAST) if copy.origin is not None}
    assert set(origins) == {"launcher", "jre", "java", "native"}
    pom = (FOLDER / "java" / "pom.xml").read_text(encoding="utf-8")
    assert "<finalName>java-transforms</finalName>" in pom
    assert origins["java"] == ("/src/templates/java/target/java-transforms.jar",)
    assert origins["native"] == ("/src/target/release/libkamiflow_native.so",)
    (native,) = [stage for stage in STAGES if stage.name == "native"]
    # What `make native` runs, in that folder, so that the image's decoder is the tested one.
    assert native.of("RUN")[0] in (ROOT / "Makefile").read_text(encoding="utf-8")
    cargo = (ROOT / "native" / "Cargo.toml").read_text(encoding="utf-8")
    assert 'name = "kamiflow_native"' in cargo


def test_what_takes_long_is_made_once_for_all_pipelines() -> None:
    # From where an argument is named on, each of its values makes everything anew.
    words = [f"{word} {rest}" for word, rest in LAST.lines]
    (install,) = [at for at, line in enumerate(words) if line.startswith("RUN pip install")]
    assert words.index("ARG PIPELINE") > install
    assert words.index("ARG IMAGE") > install


def test_the_environment_is_what_the_launcher_and_main_read() -> None:
    values = environment()
    targets = {copy.target for copy in copied(LAST)}
    assert values["FLEX_TEMPLATE_PYTHON_PY_FILE"] == "/template/main.py"
    assert "/template" in LAST.of("WORKDIR")
    assert values[JAVA] in targets
    assert values[IMAGE] == "${IMAGE}"
    assert "/opt/google/dataflow/python_template_launcher" in targets
    assert not LAST.of("ENTRYPOINT")


def test_what_is_installed_has_the_drivers_of_databases_and_the_keys() -> None:
    (line,) = [run for run in LAST.of("RUN") if run.startswith("pip install")]
    assert re.findall(r"\[([\w,]+)\]", line) == ["encryption,mysql,postgresql"]


# It brings all of Beam's Java, 200 MB, compiles the decoder, and installs half a gigabyte.
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mvn") is None, reason="mvn was not found: it makes the jar")
@pytest.mark.skipif(
    shutil.which("cargo") is None, reason="cargo was not found: it makes the decoder"
)
def test_every_line_of_it_runs_and_makes_what_a_launch_needs(tmp_path: Path) -> None:
    # The newest Java whose parts are in the repository that the tests know.
    arguments = {"BEAM_VERSION": beam_java.BEAM, "PIPELINE": "aml", "IMAGE": "example/aml:1"}
    made = Build(PATH, tmp_path, arguments).run()
    assert "--lookup_url" in made.output["python main.py --help"]
    python = tmp_path / "last-python" / "bin" / "python"
    shown = subprocess.run(
        [python, "-c", "from transforms.avro import choose_decoder as f; print(f('auto').name)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "native\n"
    environments = expanded_by(made.at("/opt/kamiflow/java-transforms.jar"))
    # Each is a worker of Java that gets the jar.
    assert environments
    assert all(one.dependencies for one in environments)


def expanded_by(jar: Path) -> list[Any]:
    """The environments of the Java steps of a job that has every transform which the pipelines
    take, all of them expanded by the jar."""
    port = free_port()
    kafka = {"bootstrap.servers": "localhost:1"}
    fields = {
        "consumer_config": kafka,
        "topics": ["shop.items"],
        "poll_seconds": 1,
        "batch_size": 100,
        "batch_bytes": 1_000_000,
    }
    with serving(command(str(jar), port), port) as address:
        pipeline = beam.Pipeline()
        payload = ImplicitSchemaPayloadBuilder(fields)
        _ = pipeline | "Batches" >> ExternalTransform(BATCHES_URN, payload, address)
        _ = pipeline | "Rows" >> ReadFromKafka(
            kafka, ["shop.items"], with_metadata=True, expansion_service=address
        )
        query = "SELECT a, COUNT(*) AS n FROM PCOLLECTION GROUP BY a"
        rows = pipeline | beam.Create([Account(1)]).with_output_types(Account)
        _ = rows | SqlTransform(query, expansion_service=address)
        _ = rows | SchemaAwareExternalTransform(
            StorageWriteToBigQuery.IDENTIFIER,
            address,
            rearrange_based_on_discovery=True,
            table="p:d.t",
            error_handling={"output": "refused"},
        )
        job = pipeline.to_runner_api()
    environments = job.components.environments.values()
    return [one for one in environments if one.urn == "beam:env:docker:v1"]
