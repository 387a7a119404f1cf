"""--lag_group: for whom a job that reads by KafkaIO commits what it has handled, to be watched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline_io.kafka_admin import admin_of
from pipeline_io.kafka_errors import GroupInUseError
from pipeline_io.kafka_groups import check_group
from pipeline_io.kafka_java import ReadTopicsWithKafkaIO
from pipeline_io.kafka_lag_commits import CommitLag
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.secrets import SecretError
from pipelines.options import FlagError
from pipelines.runner_flags import KafkaReader
from pipelines.runners import Runner


def check_lag_group(group: str | None, kafka: Iterable[KafkaSource], runner: Runner) -> None:
    """Asks nobody. Raises FlagError for a group that would tell nothing, or do harm."""
    if group is None:
        return
    sources = list(kafka)
    if not sources or runner.kafka_reader is not KafkaReader.JAVA:
        message = f"--lag_group={group} is for jobs that read Kafka by KafkaIO; leave it out" + (
            ": kamiflow's own reader commits for --kafka_group" if sources else ""
        )
        raise FlagError(message)
    for source in sources:
        if source.group == group:
            message = (
                f"--lag_group={group} is the group that {source.what} starts from: what was "
                "handled in mid-run would be its start, and records be lost; name another"
            )
            raise FlagError(message)
        if source.cluster.needs_java:
            message = (
                f"--lag_group={group}: {source.cluster} takes a login that a class of Java alone "
                "knows, and Python commits; leave it out"
            )
            raise FlagError(message)


def ask_for_lag_group(group: str | None, reads: Iterable[object]) -> None:
    """Asks the brokers whether somebody reads by the group. Raises FlagError, KafkaError."""
    if group is None:
        return
    for read in kafka_io(reads):
        try:
            with admin_of(read.config.source.cluster) as admin:
                check_group(admin, group)
        except GroupInUseError as error:
            message = f"--lag_group={group} is for monitoring alone: {error}"
            raise FlagError(message) from error
        except SecretError:
            # Nobody said that the workers' secrets are here as well.
            if not read.config.java.reads_secrets:
                raise


def commit_step(group: str | None, read: object) -> CommitLag | None:
    """The step that commits what was read; None where there is nothing to commit."""
    found = next(kafka_io([read]), None)
    return CommitLag(found.config.source.cluster, group) if found and group is not None else None


def kafka_io(reads: Iterable[object]) -> Iterator[ReadTopicsWithKafkaIO]:
    """Those that KafkaIO reads."""
    return (read for read in reads if isinstance(read, ReadTopicsWithKafkaIO))
