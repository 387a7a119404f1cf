"""What Prometheus gets: names by its conventions, sums, limits, and nothing for what is unknown."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.errors import ConfigurationError, RefusedError, UnreachableError
from kami.lag import Edges, Lag, Oldest, Partition, Position, gone, not_read
from kami.lag_exporter import LagCollector, Source, server
from kami.lag_metrics import METRICS, Answer, kafka_samples
from kami.lag_pubsub import Backlog, Subscription
from kami.lag_question import Group
from kami.lag_reading import Reading
from kami.lag_sums import GroupSum, Limits, passed, sums_of
from tests.kami.lag.live_lag import exporter_of

PAGE = Path(__file__).parents[3] / "docs" / "kami_lag.md"
EDGES = Edges(0, 9, 9)
UNITS = ("_records", "_seconds", "_messages", "_offset", "_members", "_commits", "_commit", "_up")


def lag(records: int | None, seconds: float | None, number: int = 0, group: str = "g") -> Lag:
    oldest = Oldest(9 - records, 1000) if records else None
    return Lag(group, Partition("t", number), 1, EDGES, records, seconds, oldest, 0, 0)


def reading(*lags: Lag, incomplete: frozenset[str] = frozenset()) -> Reading:
    edges = {one.partition: EDGES for one in lags if one.edges}
    return Reading((Group("g", 2, {Partition("t", 0): 1}),), lags, edges, (), incomplete)


def test_names_are_as_prometheus_wants_them() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"kamiflow_[a-z_]+", metric.name)
        # The library adds _total to the name of a counter.
        assert metric.is_counter or metric.name.endswith(UNITS), metric.name
        assert metric.help.endswith(".")


def test_every_metric_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(kamiflow_\w+)` \| ([^|]*) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name: tuple(re.findall(r"\w+", labels)) for name, labels in rows} == {
        metric.name + ("_total" if metric.is_counter else ""): metric.labels for metric in METRICS
    }


def test_a_group_has_the_sum_of_its_records_and_the_most_of_its_seconds() -> None:
    found = reading(lag(2, 5.0), lag(3, 4.0, 1), lag(0, 0.0, 2))
    assert list(sums_of(found)) == [GroupSum("g", 5, 5.0, 0)]
    samples = kafka_samples(found)
    assert samples["kamiflow_consumer_group_lag_records"] == [(("g",), 5)]
    assert samples["kamiflow_consumer_group_lag_seconds"] == [(("g",), 5.0)]
    assert samples["kamiflow_consumer_lag_records"][1] == (("g", "t", "1"), 3)
    assert samples["kamiflow_consumer_oldest_record_timestamp_seconds"][0] == (("g", "t", "0"), 1.0)
    assert samples["kamiflow_consumer_group_members"] == [(("g",), 2)]


def test_a_group_that_was_not_read_in_full_has_no_sum() -> None:
    position = Position("g", Partition("t", 1), 4)
    found = reading(lag(2, 5.0), not_read(position), incomplete=frozenset({"g"}))
    assert list(sums_of(found)) == [GroupSum("g", None, None, 1)]
    samples = kafka_samples(found)
    assert "kamiflow_consumer_group_lag_records" not in samples
    assert samples["kamiflow_consumer_lag_records"] == [(("g", "t", "0"), 2)]


def test_a_commit_of_a_deleted_topic_is_no_lag_of_the_group() -> None:
    found = reading(lag(2, 5.0), gone(Position("g", Partition("old", 1), 4), topic_exists=False))
    assert list(sums_of(found)) == [GroupSum("g", 2, 5.0, 0)]
    assert kafka_samples(found)["kamiflow_consumer_orphaned_commit"] == [(("g", "old", "1"), 1)]


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1e9)), min_size=1, max_size=8))
def test_sums_are_those_of_the_partitions(values: list[tuple[int, float]]) -> None:
    lags = [lag(records, seconds, number) for number, (records, seconds) in enumerate(values)]
    (found,) = sums_of(reading(*lags))
    assert found.records == sum(records for records, _ in values)
    assert found.seconds == max(seconds for _, seconds in values)


@pytest.mark.parametrize(
    ("limits", "texts"),
    [
        (Limits(), []),
        (Limits(5, 5.0), []),
        (Limits(records=4), ["group 'g': 5 records, at most 4 are allowed"]),
        (Limits(seconds=4.5), ["group 'g': 5 s, at most 4.5 are allowed"]),
    ],
)
def test_limits_are_of_whole_groups(limits: Limits, texts: list[str]) -> None:
    assert list(passed(limits, sums_of(reading(lag(2, 5.0), lag(3, 4.0, 1))))) == texts


def test_what_is_unknown_does_not_keep_a_limit() -> None:
    unknown = Lag("g", Partition("t", 1), edges=EDGES, uncommitted=9, note="no commit")
    (text,) = passed(Limits(records=100), sums_of(reading(lag(2, 5.0), unknown)))
    assert "the lag of 1 of its partitions is not known" in text
    (text,) = passed(Limits(seconds=1), [], [Backlog(Subscription("p", "s"))])
    assert "Cloud Monitoring has no point" in text


def test_a_source_that_is_away_is_up_0_and_what_was_not_read_is_counted() -> None:
    said: list[Exception] = []

    def answer() -> Answer:
        if said:
            raise said[-1]
        return Answer({"kamiflow_consumer_group_members": [(("g",), 1)]}, [RefusedError("no t")])

    def there() -> Answer:
        return Answer({"kamiflow_pubsub_backlog_messages": [(("p", "s"), 3)]})

    ticks = iter(range(0, 1000, 10))
    sources = [Source("kafka", answer), Source("pubsub", there)]
    with exporter_of(sources, lambda: float(next(ticks))) as exporter:
        first = exporter.scrape()
        said.append(UnreachableError("nobody"))
        second = exporter.scrape()
        said.clear()
        third = exporter.scrape()
    assert [found.value("kamiflow_lag_up", source="kafka") for found in (first, second, third)] == [
        1,
        0,
        1,
    ]
    errors = [found.value("kamiflow_lag_errors_total", source="kafka") for found in (first, second)]
    assert errors == [1, 2]
    assert second.value("kamiflow_consumer_group_members", group="g") is None
    assert second.value("kamiflow_pubsub_backlog_messages", project="p", subscription="s") == 3
    assert second.value("kamiflow_lag_errors_total", source="pubsub") == 0
    assert exporter.said == ["no t", "nobody", "kafka answers again"]


def test_help_and_types_are_served_and_labels_are_escaped() -> None:
    name = 'a"b\\c\nd'
    sources = [Source("kafka", lambda: Answer({"kamiflow_consumer_group_members": [((name,), 1)]}))]
    with exporter_of(sources, lambda: 0.0) as exporter:
        found = exporter.scrape()
        assert found.value("kamiflow_consumer_group_members", group=name) == 1
        assert "# HELP kamiflow_consumer_group_members Consumers that have joined" in found.text
        assert "# TYPE kamiflow_consumer_group_members gauge" in found.text
        assert "# TYPE kamiflow_lag_errors_total counter" in found.text
        health = httpx.get(f"{exporter.url}/healthz")
        assert (health.status_code, health.text) == (200, "ok\n")
        other = httpx.get(f"{exporter.url}/")
        assert (other.status_code, "/metrics" in other.text) == (404, True)


def test_two_scrapes_at_a_time_are_one_reading() -> None:
    readings: list[int] = []

    def answer() -> Answer:
        readings.append(1)
        return Answer({})

    with exporter_of([Source("kafka", answer)], lambda: 0.0) as exporter:
        exporter.scrape()
        exporter.scrape()
    assert readings == [1]


def test_an_address_that_is_taken_is_told() -> None:
    said: list[str] = []
    collector = LagCollector([], said.append)
    with (
        server("127.0.0.1", 0, collector) as opened,
        pytest.raises(ConfigurationError, match=r"--listen 127\.0\.0\.1:\d+: .*another address"),
    ):
        server("127.0.0.1", opened.server_port, collector)
