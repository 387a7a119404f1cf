"""What a change log reads of Kafka, by its flags; no broker is asked."""

from __future__ import annotations

import pytest

from pipeline_io.kafka_source import StartMode
from pipelines.change_log import check_runner, default_name
from pipelines.change_log_options import ChangeLogConfig
from pipelines.change_log_sources import kafka_source
from pipelines.options import FlagError, parse_options
from pipelines.runners import choose_runner
from transforms.change_log_servers import Sighting

KAFKA = [
    "--source=kafka",
    "--kafka_brokers=127.0.0.1:9092",
    "--schema_registry=http://127.0.0.1:8081",
    "--warehouse=duckdb:w.duckdb",
]


def config(*more: str) -> ChangeLogConfig:
    return ChangeLogConfig.from_options(parse_options([*KAFKA, *more]))


def test_a_group_goes_on_where_it_has_committed_and_else_reading_is_from_the_start() -> None:
    alone = kafka_source(config("--topics=a,b"), streams=False, goes_on=False)
    assert (alone.topics, alone.start.mode, alone.bounded) == (("a", "b"), StartMode.EARLIEST, True)
    group = config("--topics=a", "--kafka_group=g")
    assert kafka_source(group, streams=False, goes_on=False).start.mode is StartMode.COMMITTED
    forced = config("--topics=a", "--kafka_group=g", "--kafka_start=earliest")
    assert kafka_source(forced, streams=False, goes_on=False).start.mode is StartMode.EARLIEST
    assert kafka_source(forced, streams=False, goes_on=True).start.mode is StartMode.COMMITTED


def test_following_has_no_end_where_the_runner_streams() -> None:
    given = config(r"--topics=shop(\..*)?", "--kafka_group=g", "--follow", "--discovery_seconds=5")
    endless = kafka_source(given, streams=True, goes_on=False)
    assert (endless.pattern, endless.bounded) == (r"shop(\..*)?", False)
    assert endless.discovery_seconds == 5
    assert kafka_source(given, streams=False, goes_on=False).bounded


def test_properties_reach_the_cluster_and_wrong_ones_are_told() -> None:
    given = config("--topics=a", "--kafka_property=client.rack=west")
    source = kafka_source(given, streams=False, goes_on=False)
    assert source.cluster.properties == {"client.rack": "west"}
    with pytest.raises(FlagError, match="expected NAME=VALUE"):
        config("--topics=a", "--kafka_property=client.rack")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "--source=kafka needs --topics"),
        (["--topics=a", "--follow"], "--follow needs --kafka_group"),
        (["--topics=a", "--pubsub_project=p"], "is of other jobs, and this one runs no SQL"),
    ],
)
def test_flags_that_miss_each_other_are_told(more: list[str], told: str) -> None:
    with pytest.raises(FlagError, match=told):
        config(*more)


def test_a_file_is_not_written_from_several_machines() -> None:
    options = parse_options(["--runner=FlinkRunner"])
    with pytest.raises(FlagError, match="is a file of this machine"):
        check_runner(config("--topics=a"), choose_runner(options))


def test_a_source_without_a_name_is_called_like_its_one_connector() -> None:
    assert default_name([Sighting("my.shop-1", None, 1)]) == "my_shop_1"
    assert default_name([Sighting("1shop", "x", 1), Sighting("1shop", None, 2)]) == "_1shop"
    for found in ([], [Sighting("a", None, 1), Sighting("b", None, 1)]):
        with pytest.raises(FlagError, match="--source_name is missing"):
            default_name(found)
