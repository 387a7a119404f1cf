"""A job becomes a jar that holds the pipeline, no secret, and nothing of the machine it was made
on."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from google.protobuf import json_format

from pipelines import aml
from pipelines.flink_jar import ENTRY_CLASS, JobJarRunner, job_jar_path, write_job_jar
from pipelines.flink_jar_secrets import check_jar_secrets
from pipelines.options import FlagError, parse_options
from pipelines.runners import prepare_options

FLINK = ("--runner=FlinkRunner", "--follow")
JAVA = "beam:version:sdk_base:apache/beam_java11_sdk:2.71.0"


def jar_of(folder: Path, *flags: str) -> zipfile.ZipFile:
    """The jar of a small pipeline."""
    path = folder / "job.jar"
    options = parse_options([*FLINK, f"--output_executable_path={path}", *flags])
    prepare_options(options, follow=True, writes_jar=True)
    pipeline = beam.Pipeline(options=options)
    _ = pipeline | beam.Create(["a", "b"]) | beam.Map(str.upper)
    assert job_jar_path(options) == path
    write_job_jar(pipeline, options, path, "screening")
    return zipfile.ZipFile(path)


def json_of(jar: zipfile.ZipFile, name: str) -> dict[str, Any]:
    return dict(json.loads(jar.read(f"BEAM-PIPELINE/{name}")))


def environments_of(pipeline: beam_runner_api_pb2.Pipeline) -> dict[str, str]:
    """Where each environment's workers are."""
    return {
        name: beam_runner_api_pb2.ExternalPayload.FromString(each.payload).endpoint.url
        for name, each in pipeline.components.environments.items()
        if each.urn == common_urns.environments.EXTERNAL.urn
    }


def pipeline_of(jar: zipfile.ZipFile) -> beam_runner_api_pb2.Pipeline:
    text = jar.read("BEAM-PIPELINE/job/pipeline.json")
    return json_format.Parse(text, beam_runner_api_pb2.Pipeline())


def test_the_jar_holds_what_flinks_entry_class_looks_for(tmp_path: Path) -> None:
    with jar_of(tmp_path) as jar:
        assert f"Main-Class: {ENTRY_CLASS}".encode() in jar.read("META-INF/MANIFEST.MF")
        assert json_of(jar, "pipeline-manifest.json") == {"defaultJobName": "job"}
        assert environments_of(pipeline_of(jar)) == {
            name: "localhost:50000" for name in pipeline_of(jar).components.environments
        }
        options = json_of(jar, "job/pipeline-options.json")
    assert options["beam:option:job_name:v1"] == "screening"
    assert options["beam:option:flink_master:v1"] == "[auto]"
    assert options["beam:option:checkpointing_interval:v1"] == "10000"
    assert options["beam:option:finish_bundle_before_checkpointing:v1"] is True
    assert options["beam:option:streaming:v1"] is True


def test_the_options_in_the_jar_tell_nothing_of_the_projects_own_flags(tmp_path: Path) -> None:
    flags = ("--variable=PASSWORD=hush-hush", "--schema_registry=http://registry:8081")
    with jar_of(tmp_path, *flags) as jar:
        options = jar.read("BEAM-PIPELINE/job/pipeline-options.json").decode()
    assert "hush-hush" not in options
    assert "registry" not in options
    assert str(tmp_path) not in options


def test_the_same_pipeline_gives_the_same_steps_each_time(tmp_path: Path) -> None:
    steps = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        with jar_of(folder) as jar:
            steps.append([*pipeline_of(jar).components.transforms])
    assert steps[0] == steps[1]


def test_javas_steps_run_in_the_pool_and_bring_no_jars_along(tmp_path: Path) -> None:
    pipeline = beam_runner_api_pb2.Pipeline()
    java = pipeline.components.environments["java"]
    java.urn = common_urns.environments.DOCKER.urn
    java.capabilities.append(JAVA)
    java.dependencies.add(type_urn=common_urns.artifact_types.FILE.urn)
    python = pipeline.components.environments["python"]
    python.urn = common_urns.environments.DOCKER.urn
    path = tmp_path / "job.jar"
    options = parse_options([*FLINK])
    JobJarRunner(path, "localhost:50001", "job").run_portable_pipeline(pipeline, options)
    with zipfile.ZipFile(path) as jar:
        made = pipeline_of(jar)
    assert environments_of(made) == {"java": "localhost:50001"}
    assert not made.components.environments["java"].dependencies
    assert pipeline.components.environments["java"] == java, "the caller's own was changed"


def test_files_for_the_workers_go_along_in_the_jar(tmp_path: Path) -> None:
    package = tmp_path / "package.tar.gz"
    package.write_bytes(b"what workers install")
    with jar_of(tmp_path, f"--extra_package={package}") as jar:
        environments = pipeline_of(jar).components.environments
        paths = [
            beam_runner_api_pb2.ArtifactFilePayload.FromString(artifact.type_payload).path
            for environment in environments.values()
            for artifact in environment.dependencies
        ]
        assert paths
        contents = [jar.read(path.removeprefix("classpath://")) for path in paths]
    assert b"what workers install" in contents


def test_a_jar_that_cannot_be_written_is_told_by_its_flag(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"^--output_executable_path=.*away/job.jar: .*No such"):
        jar_of(tmp_path / "away")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--runner=PrismRunner",), "with PrismRunner: a jar is for Flink"),
        ((), "with DirectRunner: a jar is for Flink; give --runner=FlinkRunner --follow"),
        (("--runner=FlinkRunner", "--environment_type=LOOPBACK"), "runs without this process"),
        (("--runner=FlinkRunner", "--job_endpoint=h:1"), "a jar is written and not run"),
    ],
)
def test_what_a_jar_cannot_do_is_refused(flags: tuple[str, ...], told: str) -> None:
    options = parse_options([*flags, "--output_executable_path=job.jar"])
    with pytest.raises(FlagError, match=told):
        prepare_options(options, follow=True, writes_jar=True)


def test_a_pipeline_that_makes_no_jars_refuses_to_become_a_jar() -> None:
    options = parse_options([*FLINK, "--output_executable_path=job.jar"])
    told = r"SQL jobs and change_log are written as jars, and this pipeline is neither; leave it"
    with pytest.raises(FlagError, match=told):
        prepare_options(options, follow=True)


def test_a_job_that_reads_a_recording_refuses_to_become_a_jar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jar = tmp_path / "job.jar"
    flags = [f"--output_executable_path={jar}", f"--output_dir={tmp_path / 'out'}"]
    assert aml.main(["--runner=FlinkRunner", *flags]) == 2
    told = capsys.readouterr().err
    assert "a jar is for a job that goes on with Kafka or Pub/Sub (--kafka_brokers, --foll" in told
    assert not jar.exists()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://reader:hush@host/customers",
        "jdbc:postgresql://host/customers?user=reader&password=hush",
        "jdbc:mysql://reader:hush@host:3306/customers",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(FlagError, match=r"\$\{LOOKUP_URL\}.*--job_holds_secrets") as raised:
        check_jar_secrets({"LOOKUP_URL": address}, parse_options(FLINK))
    assert "hush" not in str(raised.value)
    check_jar_secrets({"LOOKUP_URL": address}, parse_options([*FLINK, "--job_holds_secrets"]))


@pytest.mark.parametrize(
    "value",
    [
        "postgresql+psycopg://reader@host/customers",
        "jdbc:mysql://host/db",
        "user:word@host",
        "[://",
    ],
)
def test_a_value_without_a_password_may_go_into_the_jar(value: str) -> None:
    check_jar_secrets({"LOOKUP_URL": value}, parse_options(FLINK))
