"""Lag and backlog as Prometheus has them: names, labels, help, samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kami.errors import KamiError
from kami.lag import Lag
from kami.lag_pubsub import Backlog, BacklogReading
from kami.lag_reading import Reading
from kami.lag_sums import sums_of


class Described(NamedTuple):
    """A metric.

    Args:
        help: what it counts, in its unit.
    """

    name: str
    labels: tuple[str, ...]
    help: str
    is_counter: bool = False


_PLACE = ("group", "topic", "partition")
_PARTITION = ("topic", "partition")
_SUBSCRIPTION = ("project", "subscription")

METRICS = (
    Described(
        "kamiflow_consumer_lag_records",
        _PLACE,
        "Records that the group has still to read, at most: offsets from the oldest of them on.",
    ),
    Described(
        "kamiflow_consumer_lag_seconds",
        _PLACE,
        "Age of the oldest record that the group has still to read; 0 without one.",
    ),
    Described(
        "kamiflow_consumer_oldest_record_timestamp_seconds",
        _PLACE,
        "Time of the oldest record that the group has still to read, since 1970.",
    ),
    Described("kamiflow_consumer_committed_offset", _PLACE, "Offset that the group reads next."),
    Described(
        "kamiflow_consumer_lost_records",
        _PLACE,
        "Offsets below the log's start that the group had still to read, at most so many records.",
    ),
    Described(
        "kamiflow_consumer_ahead_records",
        _PLACE,
        "Offsets by which the commit is beyond the end: the log was cut, or the topic made anew.",
    ),
    Described(
        "kamiflow_consumer_uncommitted_records",
        _PLACE,
        "Offsets of a partition in which the group has no commit.",
    ),
    Described(
        "kamiflow_consumer_orphaned_commit",
        _PLACE,
        "1 for a commit in a partition that is gone.",
    ),
    Described(
        "kamiflow_consumer_group_lag_records",
        ("group",),
        "Sum of kamiflow_consumer_lag_records of the group; absent unless all of it was read.",
    ),
    Described(
        "kamiflow_consumer_group_lag_seconds",
        ("group",),
        "Most of kamiflow_consumer_lag_seconds of the group; absent unless all of it was read.",
    ),
    Described(
        "kamiflow_consumer_group_members", ("group",), "Consumers that have joined the group."
    ),
    Described(
        "kamiflow_consumer_group_commits",
        ("group",),
        "Partitions of any topic in which the group has a commit.",
    ),
    Described("kamiflow_topic_start_offset", _PARTITION, "Offset of the first record kept."),
    Described(
        "kamiflow_topic_end_offset", _PARTITION, "Offset behind the last record: high watermark."
    ),
    Described(
        "kamiflow_topic_undecided_records",
        _PARTITION,
        "Offsets from the first open transaction on, which readers of committed records wait for.",
    ),
    Described(
        "kamiflow_pubsub_backlog_messages",
        _SUBSCRIPTION,
        "Messages of the subscription that were not acknowledged.",
    ),
    Described(
        "kamiflow_pubsub_oldest_unacked_message_age_seconds",
        _SUBSCRIPTION,
        "Age of the oldest message that was not acknowledged; 0 without one.",
    ),
    Described(
        "kamiflow_pubsub_backlog_timestamp_seconds",
        _SUBSCRIPTION,
        "When Cloud Monitoring measured the backlog, since 1970.",
    ),
    Described(
        "kamiflow_lag_up",
        ("source",),
        "1 if the last reading of the source (kafka, pubsub) got an answer.",
    ),
    Described(
        "kamiflow_lag_errors",
        ("source",),
        "Things that could not be read, such as the source itself, a group or a partition.",
        is_counter=True,
    ),
    Described("kamiflow_lag_reading_seconds", ("source",), "How long the last reading took."),
)
_KINDS = {metric.name: metric for metric in METRICS}

Samples = dict[str, list[tuple[tuple[str, ...], float]]]
"""metric -> (values of its labels, value)."""


class Answer(NamedTuple):
    """What a source gave to a scrape.

    Args:
        failures: what of it could not be read.
    """

    samples: Samples
    failures: Sequence[KamiError] = ()


def kafka_answer(reading: Reading) -> Answer:
    """A cluster's part of a scrape."""
    return Answer(kafka_samples(reading), reading.failures)


def pubsub_answer(reading: BacklogReading) -> Answer:
    """The subscriptions' part of a scrape."""
    return Answer(pubsub_samples(reading.backlogs), reading.failures)


def kafka_samples(reading: Reading) -> Samples:
    """What a cluster answered; what is unknown has no sample."""
    found: Samples = {}
    for lag in reading.lags:
        labels = (lag.group, lag.partition.topic, str(lag.partition.number))
        for name, value in _values(lag):
            found.setdefault(f"kamiflow_consumer_{name}", []).append((labels, value))
    for partition, edges in reading.edges.items():
        place = (partition.topic, str(partition.number))
        for name, value in (
            ("start_offset", edges.start),
            ("end_offset", edges.high),
            ("undecided_records", edges.high - edges.end),
        ):
            found.setdefault(f"kamiflow_topic_{name}", []).append((place, value))
    sums = {one.group: one for one in sums_of(reading)}
    for group in reading.groups:
        one = sums[group.name]
        for name, count in (
            ("lag_records", one.records),
            ("lag_seconds", one.seconds),
            ("members", group.members),
            ("commits", len(group.commits)),
        ):
            if count is not None:
                samples = found.setdefault(f"kamiflow_consumer_group_{name}", [])
                samples.append(((group.name,), count))
    return found


def _values(lag: Lag) -> Iterator[tuple[str, float]]:
    if lag.is_gone:
        yield "orphaned_commit", 1
    has_time = lag.oldest is not None and lag.oldest.milliseconds is not None
    for name, value in (
        ("lag_records", lag.records),
        ("lag_seconds", lag.seconds),
        ("committed_offset", lag.committed),
        ("lost_records", lag.lost),
        ("ahead_records", lag.ahead),
        ("uncommitted_records", lag.uncommitted),
    ):
        if value is not None:
            yield name, value
    if has_time and lag.oldest and lag.oldest.milliseconds is not None:
        yield "oldest_record_timestamp_seconds", lag.oldest.milliseconds / 1000


def pubsub_samples(backlogs: Sequence[Backlog]) -> Samples:
    """What Cloud Monitoring answered; subscriptions without a point have no sample."""
    found: Samples = {}
    for one in backlogs:
        for name, value in (
            ("backlog_messages", one.messages),
            ("oldest_unacked_message_age_seconds", one.seconds),
            ("backlog_timestamp_seconds", one.at),
        ):
            if value is not None:
                samples = found.setdefault(f"kamiflow_pubsub_{name}", [])
                samples.append((tuple(one.subscription), value))
    return found


def families(samples: Mapping[str, list[tuple[tuple[str, ...], float]]]) -> Iterator[Metric]:
    """Yields the metrics that have samples, in their order; an unknown name is a KeyError."""
    for name in sorted(samples, key=list(_KINDS).index):
        described = _KINDS[name]
        kind = CounterMetricFamily if described.is_counter else GaugeMetricFamily
        family = kind(name, described.help, labels=described.labels)
        for labels, value in samples[name]:
            family.add_metric(labels, value)
        yield family
