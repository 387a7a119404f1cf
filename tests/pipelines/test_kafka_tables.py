"""Tables of Kafka as sources: what fits is configured, what would lose records is refused."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline_io.kafka_source import Start, StartMode, Uncommitted
from pipelines.kafka_tables import KafkaRun, kafka_source, schema_registry
from transforms.sql.connectors import Connector, Role
from transforms.sql.connectors_kafka import ALIASES, SOURCE_OPTIONS
from transforms.sql.errors import SqlError
from transforms.sql.tables import Table

BROKERS = "properties.bootstrap.servers"
GROUP = "properties.group.id"
DEFAULTS = {option.name: option.default for option in SOURCE_OPTIONS if option.default is not None}


def table(**given: Any) -> Table:
    """A table with these options; __ stands for a dot and _ for a hyphen."""
    options = {name.replace("__", ".").replace("_", "-"): value for name, value in given.items()}
    connector = Connector("kafka", "", frozenset({Role.SOURCE}), SOURCE_OPTIONS, ALIASES)
    return Table(
        "items",
        (),
        (),
        connector,
        {**DEFAULTS, BROKERS: "a:1", "topic": "t", **options},
        STATEMENT,
    )


class Statement:
    """As much of a CREATE TABLE as an error needs to point at."""

    this = None
    args: Mapping[str, list[Any]] = types.MappingProxyType({"options": []})


STATEMENT: Any = Statement()
FOLLOW = KafkaRun(follow=True)


def test_a_table_without_a_group_is_read_from_the_earliest_record_up_to_now() -> None:
    source = kafka_source(table(), KafkaRun())
    assert source.bounded
    assert source.topics == ("t",)
    assert source.start == Start(StartMode.EARLIEST)
    assert source.cluster.brokers == "a:1"


def test_a_group_is_followed_from_its_offsets_and_from_the_earliest_without_any() -> None:
    source = kafka_source(table(properties__group__id="g"), FOLLOW)
    assert not source.bounded
    assert source.group == "g"
    assert source.start == Start(StartMode.COMMITTED, uncommitted=Uncommitted.EARLIEST)


def test_flags_go_before_the_table() -> None:
    run = KafkaRun(brokers="b:2", group="h", start="timestamp:17")
    source = kafka_source(table(properties__group__id="g"), run)
    assert (source.cluster.brokers, source.group) == ("b:2", "h")
    assert source.start == Start(StartMode.TIMESTAMP, timestamp_millis=17)


def test_options_become_the_source() -> None:
    given = table(
        topic="t; u",
        scan__startup__mode="timestamp",
        scan__startup__timestamp_millis=5,
        scan__topic_partition_discovery__interval=0.0,
        scan__parallelism=3,
        scan__bounded__mode="unbounded",
        properties__client__id="me",
    )
    source = kafka_source(given, KafkaRun())
    assert source.topics == ("t", "u")
    assert source.start == Start(StartMode.TIMESTAMP, timestamp_millis=5)
    assert (source.discovery_seconds, source.readers, source.bounded) == (None, 3, False)
    assert source.cluster.properties == {"client.id": "me"}


def test_offsets_by_partition() -> None:
    given = table(
        scan__startup__mode="specific-offsets",
        scan__startup__specific_offsets="partition:0,offset:42;partition:1,offset:300",
    )
    assert kafka_source(given, KafkaRun()).start.offsets == {0: 42, 1: 300}


@pytest.mark.parametrize(
    ("options", "run", "told"),
    [
        ({"topic_pattern": "t.*"}, KafkaRun(), "either 'topic' or 'topic-pattern'"),
        ({"topic": ""}, KafkaRun(), "either 'topic' or 'topic-pattern'"),
        ({"scan__startup__mode": "group-offsets"}, FOLLOW, "needs a group"),
        ({"scan__startup__mode": "latest-offset"}, KafkaRun(), "reads nothing"),
        ({"scan__startup__mode": "latest-offset"}, FOLLOW, "loses at each restart"),
        ({"scan__startup__mode": "timestamp"}, FOLLOW, "belong together"),
        ({"scan__startup__timestamp_millis": 5}, FOLLOW, "belong together"),
        ({"scan__bounded__mode": "latest-offset"}, FOLLOW, "--follow does not"),
        ({"properties__auto__offset__reset": "latest"}, FOLLOW, "is of the start 'group-offsets'"),
        ({"properties__enable__auto__commit": "true"}, FOLLOW, "committing on a timer loses"),
        ({"properties__clientid": "x"}, FOLLOW, "did you mean 'client.id'"),
        ({"properties__bootstrap__servers": "a"}, FOLLOW, "HOST:PORT"),
        ({}, dataclasses.replace(FOLLOW, start="newest"), "--kafka_start=newest"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    options: dict[str, Any], run: KafkaRun, told: str
) -> None:
    with pytest.raises(SqlError, match=told):
        kafka_source(table(**options), run)


def test_latest_is_safe_where_the_runner_keeps_positions() -> None:
    run = KafkaRun(follow=True, keeps_positions=True)
    source = kafka_source(table(scan__startup__mode="latest-offset"), run)
    assert source.start == Start(StartMode.LATEST)


def test_the_registry_of_a_table() -> None:
    given = table(schema_registry__url="http://a,http://b")
    assert len(schema_registry(given).urls) == 2
    with pytest.raises(SqlError, match=r"schema-registry\.url"):
        schema_registry(table())
