"""Every metric that a pipeline makes, in one place: what docs/metrics.md, alerts and dashboards go
by. The names are the constants of the code that makes them."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping

from pipeline_io import (
    bigquery_log,
    bigquery_row_writer,
    database_sink_writer,
    kafka_lag_commits,
    kafka_writer,
    pubsub,
    read_metrics,
    spanner_row_writer,
    splunk,
)
from pipeline_io.latency import COUNT, SUM
from pipeline_io.sink_metrics import TOPIC_TO_SINK
from pipeline_io.stored_rows import BYTES
from pipelines import audit_steps, change_log_step
from transforms import counters, dead_letter_counts
from transforms.refused import REFUSED
from transforms.sql import windows_lateness

FLINK_SCOPE = "flink_taskmanager_job_task_operator_"
"""What Flink's reporter for Prometheus puts before a metric of an operator, whose labels are
job_name, operator_name, subtask_index and others."""
CLOUD_METRIC = "dataflow.googleapis.com/job/user_counter"
"""Dataflow's metric in Cloud Monitoring; its label metric_name is the metric's name."""
CLOUD_ENDS = ("_MAX", "_MIN", "_MEAN", "_COUNT")
"""Of a distribution Dataflow makes one metric each."""


class Kind(enum.Enum):
    COUNTER = "counter"
    DISTRIBUTION = "distribution"


@dataclasses.dataclass(frozen=True)
class Metric:
    """One kind of metric.

    namespace: Beam's. of: whose it is; the metric's name in Beam is the name of that, a slash, and
    `name`. In names `<...>` stands for a word of a closed set. unit: of its values.
    """

    namespace: str
    of: str
    name: str
    kind: Kind
    unit: str
    meaning: str

    @property
    def beam_name(self) -> str:
        return f"{{{self.of}}}/{self.name}"

    @property
    def cloud_names(self) -> tuple[str, ...]:
        """The values of the label metric_name of CLOUD_METRIC."""
        if self.kind is Kind.COUNTER:
            return (self.beam_name,)
        return tuple(self.beam_name + end for end in CLOUD_ENDS)

    @property
    def prometheus_name(self) -> str | None:
        """With `{of}` in it; None for a distribution, of which Flink shows Prometheus no number."""
        if self.kind is Kind.DISTRIBUTION:
            return None
        return f"{FLINK_SCOPE}{_escaped(self.namespace)}_{{{self.of}}}_{self.name}"

    def makes(self, namespace: str, beam_name: str) -> bool:
        """Whether a metric of Beam is one of these."""
        return namespace == self.namespace and self._matches(beam_name, ".+/")

    def makes_for_prometheus(self, name: str) -> bool:
        """Whether a time series of this name is one of these."""
        begin = f"{FLINK_SCOPE}{_escaped(self.namespace)}_"
        if self.kind is Kind.DISTRIBUTION or not name.startswith(begin):
            return False
        return self._matches(name.removeprefix(begin), ".+_")

    def _matches(self, text: str, before: str) -> bool:
        words = r"\w+" if "<" in self.name else re.escape(self.name)
        return re.fullmatch(before + words, text) is not None


def prometheus_name(namespace: str, beam_name: str) -> str:
    """The name that Flink's reporter for Prometheus gives a counter of Beam."""
    return f"{FLINK_SCOPE}{_escaped(namespace)}_{_escaped(beam_name)}"


def _escaped(name: str) -> str:
    return re.sub("[^a-zA-Z0-9:_]", "_", name)


Told = Mapping[str, tuple[str, str]]
"""Unit and meaning by name."""


def _counters(namespace: str, of: str, told: Told) -> Iterator[Metric]:
    for name, (unit, meaning) in told.items():
        yield Metric(namespace, of, name, Kind.COUNTER, unit, meaning)


def _distributions(namespace: str, of: str, told: Told) -> Iterator[Metric]:
    for name, (unit, meaning) in told.items():
        yield Metric(namespace, of, name, Kind.DISTRIBUTION, unit, meaning)


def _latency(namespace: str, of: str, name: str, meaning: str) -> Iterator[Metric]:
    yield Metric(namespace, of, name, Kind.DISTRIBUTION, "ms", meaning)
    yield Metric(namespace, of, name + SUM, Kind.COUNTER, "ms", f"the sum of `{name}`")
    yield Metric(namespace, of, name + COUNT, Kind.COUNTER, "records", f"the number of `{name}`")


def _sink(namespace: str, told: Told) -> Iterator[Metric]:
    yield from _counters(namespace, "sink", told)
    meaning = "from the record's time to the end of the bundle in which the sink confirmed it"
    yield from _latency(namespace, "sink", TOPIC_TO_SINK, meaning)


_STATEMENT: Told = {
    "records": ("records", "records that the statement got"),
    "events": ("events", "rows that it made for its sink"),
    "filtered": ("records", "left out by WHERE"),
    "tombstones": ("records", "records without a value"),
    "dead_letters": ("records", "refused, and kept as dead letters"),
    "multiplied": ("events", "rows beyond the first of a record"),
    windows_lateness.LATE: ("rows", "too late for all of their windows; dead letters too"),
    windows_lateness.PARTLY_LATE: ("rows", "too late for some of their windows"),
    "lookup_hits": ("keys", "distinct keys of a batch that the cache had"),
    "lookup_fetched_keys": ("keys", "and that it had not: the database was asked for them"),
    "lookup_misses": ("records", "records whose key has no row in the database"),
    "lookup_unmatched_rows": ("rows", "rows of the database whose key was not asked for"),
    "lookup_queries": ("queries", "queries sent to the database, tries too"),
    "lookup_retries": ("queries", "queries that were tried again"),
}
_CHANGE_LOG: Told = {
    "records": ("records", "records read"),
    "tombstones": ("records", "records without a value"),
    "skipped": ("records", "of no interest, such as heartbeats"),
    "dead_letters": ("records", "refused, and kept as dead letters"),
}
_OPS: Told = {
    "r": ("events", "rows as a table's first reading found them"),
    "c": ("events", "rows that are new"),
    "u": ("events", "rows that changed"),
    "d": ("events", "rows that are gone"),
}
_PUBSUB: Told = {
    "requests": ("requests", "requests that Pub/Sub confirmed"),
    "messages": ("messages", "messages in them"),
    "bytes": ("bytes", "bytes of them"),
    "retries": ("requests", "requests sent again"),
    "refused": ("messages", "messages that Pub/Sub does not take"),
}
_KAFKA: Told = {
    "messages": ("messages", "messages that all in-sync replicas have"),
    "bytes": ("bytes", "keys and payloads that were sent"),
    "refused": ("messages", "messages that the brokers do not take"),
}
_BIGQUERY: Told = {
    "requests": ("requests", "appends that BigQuery confirmed"),
    "rows": ("rows", "rows in them"),
    "bytes": ("bytes", "bytes of them"),
    "retries": ("requests", "appends sent again"),
    "refused": ("rows", "rows that BigQuery does not take"),
    bigquery_row_writer.LEFT_OUT: ("values", "values that the table has no column for (`ignore`)"),
}
_DATABASE: Told = {
    "rows": ("rows", "rows stored"),
    "deletes": ("rows", "rows deleted"),
    "transactions": ("transactions", "transactions committed"),
    "retries": ("transactions", "transactions done again"),
    "refused": ("rows", "rows that the table does not take"),
    BYTES: ("bytes", "rows in Arrow's form"),
}
_SPANNER: Told = {
    "rows": ("rows", "rows stored"),
    "deletes": ("rows", "rows deleted"),
    "older": ("rows", "left out, as a newer row is stored"),
    "commits": ("commits", "commits"),
    "refused": ("rows", "rows that the table does not take"),
    BYTES: ("bytes", "rows in Arrow's form"),
}
_SPLUNK: Told = {
    "events": ("events", "events that came"),
    "sent": ("events", "events that HEC confirmed"),
    "refused": ("events", "events that HEC does not take, or could not for too long"),
    "requests": ("requests", "requests sent, tries too"),
    "retries": ("requests", "requests sent again"),
    "unacknowledged": ("requests", "taken, and not acknowledged in time: sent again"),
    "no_answer": ("requests", "without an HTTP answer"),
    "status_2xx": ("requests", "answered with this class of status"),
    "status_3xx": ("requests", "answered with this class of status"),
    "status_4xx": ("requests", "answered with this class of status"),
    "status_5xx": ("requests", "answered with this class of status"),
    "bytes": ("bytes", "confirmed requests, as sent"),
}
_SPLUNK_REQUESTS: Told = {
    "request_events": ("events", "events of a confirmed request"),
    "request_bytes": ("bytes", "bytes of a confirmed request, as sent"),
    "latency_ms": ("ms", "how long a confirmed request took"),
    "age_ms": ("ms", "age of its oldest record when it was confirmed"),
}
_READ: Told = {
    "records": ("records", "records read"),
    "bytes": ("bytes", "keys and values of them"),
}
_LAG: Told = {kafka_lag_commits.FAILURES: ("commits", "offsets that `--lag_group` was not told")}
_TO_TOPIC = "from the commit in the source's database (`source.ts_ms`) to the record's time"
_TO_READ = "from the record's time (Kafka's, or its publishing) to its batch's processing"
_TO_LOG = "from the record's time to the end of the bundle after which its row is durable"
_TO_OUTPUT = "from a row's update, as its column has it, to its event being durable"
_LETTERS = "dead letters of this error class (docs/dead_letters.md); any other counts as `Other`"

METRICS: tuple[Metric, ...] = (
    *_counters(counters.NAMESPACE, "statement", _STATEMENT),
    *_counters(counters.NAMESPACE, "sink", {REFUSED: ("events", "events that it refused")}),
    *_counters(counters.NAMESPACE, "all", _CHANGE_LOG),
    *_counters(counters.NAMESPACE, "table", {"rows": ("rows", "rows of its log; `all`: of all")}),
    *_counters(counters.NAMESPACE, "table", _OPS),
    *_counters(dead_letter_counts.NAMESPACE, "statement", {"<class>": ("records", _LETTERS)}),
    *_counters(read_metrics.NAMESPACE, "source", _READ),
    *_latency(read_metrics.NAMESPACE, "source", read_metrics.SOURCE_TO_TOPIC, _TO_TOPIC),
    *_latency(read_metrics.NAMESPACE, "source", read_metrics.TOPIC_TO_READ, _TO_READ),
    *_counters(kafka_lag_commits.NAMESPACE, "group", _LAG),
    *_sink(pubsub.NAMESPACE, _PUBSUB),
    *_sink(kafka_writer.NAMESPACE, _KAFKA),
    *_sink(bigquery_log.NAMESPACE, _BIGQUERY),
    *_sink(database_sink_writer.NAMESPACE, _DATABASE),
    *_sink(spanner_row_writer.NAMESPACE, _SPANNER),
    *_sink(splunk.NAMESPACE, _SPLUNK),
    *_distributions(splunk.NAMESPACE, "sink", _SPLUNK_REQUESTS),
    *_latency(change_log_step.LOG_NAMESPACE, "all", TOPIC_TO_SINK, _TO_LOG),
    *_latency(audit_steps.LATENCY_NAMESPACE, "table", audit_steps.SOURCE_TO_SINK, _TO_OUTPUT),
)
