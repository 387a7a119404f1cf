"""Each runner gets the flags that it needs, and combinations that do harm are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.options import FlagError, parse_options
from pipelines.runner_flags import KafkaReader
from pipelines.runners import (
    Kind,
    PubSubWriter,
    choose_runner,
    kind_of,
    prepare_options,
)

PORTABLE = ("--runner=PortableRunner", "--job_endpoint=127.0.0.1:8099")


def prepared(*flags: str, follow: bool = True) -> dict[str, Any]:
    options = parse_options(flags)
    prepare_options(options, follow=follow)
    return options.get_all_options()


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ((), Kind.LOCAL),
        (("--runner=DirectRunner",), Kind.LOCAL),
        (("--runner=direct",), Kind.LOCAL),
        (("--runner=PrismRunner",), Kind.PRISM),
        (("--runner=FlinkRunner",), Kind.FLINK),
        (PORTABLE, Kind.FLINK),
        (("--runner=DataflowRunner",), Kind.DATAFLOW),
    ],
)
def test_the_runner_is_known_by_its_flag(flags: tuple[str, ...], kind: Kind) -> None:
    assert kind_of(parse_options(flags)) is kind


def test_a_runner_that_no_job_was_tried_on_is_refused() -> None:
    with pytest.raises(FlagError, match=r"--runner=SparkRunner: jobs run on DirectRunner, "):
        kind_of(PipelineOptions(["--runner=SparkRunner"]))


@pytest.mark.parametrize(
    ("flag", "reader", "writer", "streams"),
    [
        ("DirectRunner", KafkaReader.NATIVE, PubSubWriter.NATIVE, False),
        ("PrismRunner", KafkaReader.NATIVE, PubSubWriter.NATIVE, True),
        ("FlinkRunner", KafkaReader.JAVA, PubSubWriter.NATIVE, True),
        ("DataflowRunner", KafkaReader.JAVA, PubSubWriter.RUNNER, True),
    ],
)
def test_each_runner_has_its_reader_and_writer(
    flag: str, reader: KafkaReader, writer: PubSubWriter, streams: bool
) -> None:
    runner = choose_runner(PipelineOptions([f"--runner={flag}"]))
    assert (runner.kafka_reader, runner.pubsub_writer, runner.streams) == (reader, writer, streams)


def test_kafka_io_on_direct_runner_is_refused_as_it_would_hang() -> None:
    with pytest.raises(FlagError, match="never delivers a record of KafkaIO"):
        choose_runner(parse_options(["--kafka_reader=java"]))


@pytest.mark.parametrize("given", ["/opt/beam/service.jar", "service.jar", "localhost"])
def test_an_expansion_service_that_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(FlagError, match=r"expected HOST:PORT .*java -jar JAR PORT"):
        choose_runner(parse_options((f"--expansion_service={given}",)))
    choose_runner(parse_options(("--expansion_service=localhost:8097",)))


def test_the_native_reader_on_dataflow_is_refused() -> None:
    with pytest.raises(FlagError, match="use --kafka_reader=java"):
        choose_runner(PipelineOptions(["--runner=DataflowRunner", "--kafka_reader=native"]))


def test_kafka_io_needs_follow_as_it_has_no_end() -> None:
    with pytest.raises(FlagError, match="give --follow"):
        prepared(*PORTABLE, follow=False)


def test_flink_gets_checkpoints_that_are_kept_and_short_bundles() -> None:
    flags = prepared(*PORTABLE)
    assert flags["streaming"] is True
    assert flags["checkpointing_interval"] == 10_000
    assert flags["max_bundle_time_mills"] == 20
    assert flags["finish_bundle_before_checkpointing"] is True
    assert flags["externalized_checkpoints_enabled"] is True
    assert flags["retain_externalized_checkpoints_on_cancellation"] is True
    assert flags["environment_type"] == "LOOPBACK"


def test_flags_that_are_given_stay() -> None:
    flags = prepared(
        *PORTABLE,
        "--checkpointing_interval=500",
        "--max_bundle_time_mills=50",
        "--environment_type=EXTERNAL",
    )
    assert flags["checkpointing_interval"] == 500
    assert flags["max_bundle_time_mills"] == 50
    assert flags["environment_type"] == "EXTERNAL"


@pytest.mark.parametrize("interval", ["-1", "0", "99"])
def test_flink_without_checkpoints_is_refused_as_it_would_lose_records(interval: str) -> None:
    with pytest.raises(FlagError, match=f"--checkpointing_interval={interval}: without checkp"):
        prepared(*PORTABLE, f"--checkpointing_interval={interval}")


def test_a_portable_runner_without_a_job_server_is_refused() -> None:
    with pytest.raises(FlagError, match="needs --job_endpoint"):
        prepared("--runner=PortableRunner")


@pytest.mark.parametrize(
    "flags",
    [
        ("--runner=PortableRunner", "--job_endpoint=flink.example:8099"),
        ("--runner=FlinkRunner", "--flink_master=flink.example:8081"),
    ],
)
def test_a_flink_elsewhere_must_be_told_where_python_runs(flags: tuple[str, ...]) -> None:
    with pytest.raises(FlagError, match="--environment_type is missing"):
        prepared(*flags)


def test_a_savepoint_path_that_a_local_flink_ignores_is_refused() -> None:
    with pytest.raises(FlagError, match=r"execution\.savepoint\.path"):
        prepared("--runner=FlinkRunner", "--flink_master=[local]", "--savepoint_path=file:///c")


def test_prism_runs_python_in_this_process(tmp_path: Path) -> None:
    flags = prepared("--runner=PrismRunner")
    assert flags["environment_type"] == "LOOPBACK"
    assert flags["streaming"] is True


def test_a_prism_that_is_not_there_is_refused_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="go install"):
        prepared("--runner=PrismRunner", f"--prism_location={tmp_path / 'prism'}")


def test_following_on_direct_runner_is_no_streaming_pipeline() -> None:
    assert not prepared()["streaming"]


def test_batches_of_java_need_a_service_that_makes_them() -> None:
    with pytest.raises(FlagError, match="needs --expansion_service"):
        prepared(*PORTABLE, "--java_batches")
    with pytest.raises(FlagError, match="is for --kafka_reader=java"):
        prepared("--java_batches")
