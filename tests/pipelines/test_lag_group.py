"""A group for monitoring that would tell nothing, or do harm, is refused before the job starts."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence

import apache_beam as beam
import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import GroupInUseError, KafkaAccessError
from pipeline_io.kafka_java import KafkaIORead, ReadTopicsWithKafkaIO
from pipeline_io.kafka_lag_commits import CommitLag
from pipeline_io.kafka_source import KafkaSource
from pipelines import aml, change_log, lag_group, splunk
from pipelines.lag_group import ask_for_lag_group, check_lag_group, commit_step
from pipelines.options import FlagError
from pipelines.runners import DEFAULTS, Kind

SOURCE = KafkaSource(KafkaCluster("kafka:9092"), ("shop.items",), group="shop", bounded=False)
READ = ReadTopicsWithKafkaIO(KafkaIORead(SOURCE))
JAVA_LOGIN = KafkaCluster(
    "kafka:9092",
    {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.login.callback.handler.class": "org.example.Login",
    },
)


def refusal(group: str, sources: Sequence[KafkaSource], kind: Kind = Kind.FLINK) -> str:
    with pytest.raises(FlagError) as raised:
        check_lag_group(group, sources, DEFAULTS[kind])
    return str(raised.value)


def test_a_group_of_its_own_is_taken_where_kafka_io_reads() -> None:
    for kind in (Kind.FLINK, Kind.DATAFLOW):
        check_lag_group("shop-lag", [SOURCE], DEFAULTS[kind])
    for kind in Kind:
        check_lag_group(None, [], DEFAULTS[kind])


def test_a_group_that_a_reader_starts_from_is_refused() -> None:
    other = dataclasses.replace(SOURCE, group="other")
    assert "--lag_group=shop is the group that" in refusal("shop", [other, SOURCE])


def test_a_job_that_commits_itself_or_reads_no_kafka_needs_none() -> None:
    assert "own reader commits for --kafka_group" in refusal("lag", [SOURCE], Kind.PRISM)
    assert refusal("lag", []).endswith("that read Kafka by KafkaIO; leave it out")


def test_a_login_that_python_does_not_know_is_refused() -> None:
    source = dataclasses.replace(SOURCE, cluster=JAVA_LOGIN)
    assert "a class of Java alone knows" in refusal("lag", [source])


def test_a_group_that_has_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag_group, "admin_of", contextlib.nullcontext)

    def in_use(_: object, group: str) -> None:
        message = f"the group {group!r} is in use by a dashboard"
        raise GroupInUseError(message)

    monkeypatch.setattr(lag_group, "check_group", in_use)
    with pytest.raises(FlagError, match=r"--lag_group=lag .* in use by a dashboard"):
        ask_for_lag_group("lag", [READ])
    ask_for_lag_group(None, [READ])
    ask_for_lag_group("lag", [beam.Create([])])


def test_brokers_that_refuse_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(cluster: KafkaCluster) -> None:
        message = f"{cluster}: check the user"
        raise KafkaAccessError(message)

    monkeypatch.setattr(lag_group, "admin_of", refuses)
    with pytest.raises(KafkaAccessError):
        ask_for_lag_group("lag", [READ])


def test_what_kafka_io_reads_is_committed_and_nothing_else() -> None:
    step = commit_step("lag", READ)
    assert isinstance(step, CommitLag)
    assert (step.cluster, step.group) == (SOURCE.cluster, "lag")
    assert commit_step(None, READ) is None
    assert commit_step("lag", beam.Create([])) is None


def test_a_job_says_who_keeps_its_offsets() -> None:
    assert "keeps the offsets, and commits none" in SOURCE.describe(runner_keeps=True)
    assert "offsets are committed for the group 'shop'" in SOURCE.describe()


def test_the_flag_is_refused_by_jobs_without_kafka_io(capsys: pytest.CaptureFixture[str]) -> None:
    assert aml.main(["--lag_group=lag", "--explain"]) == 2
    subscription = "--subscription=projects/my-project/subscriptions/items"
    token = "--splunk_token=env://TOKEN"  # noqa: S105  (a reference)
    flags = [subscription, "--splunk_url=https://hec:8088", token, "--lag_group=lag", "--explain"]
    assert splunk.main(flags) == 2
    log = ["--source=recording:shop", "--warehouse=duckdb:shop.duckdb", "--lag_group=lag"]
    assert change_log.main(log) == 2
    assert capsys.readouterr().err.count("--lag_group=lag is for jobs that read Kafka") == 3
