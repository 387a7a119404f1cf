"""KafkaIO's Java workers as the flags have them, and who may see the passwords that they show."""

from __future__ import annotations

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_java import JavaTransforms
from pipelines.options import FlagError
from pipelines.runner_flags import RunnerOptions
from pipelines.runners import Kind, Runner


def java_transforms(
    options: PipelineOptions, runner: Runner, cluster: KafkaCluster
) -> JavaTransforms:
    """Where KafkaIO comes from, and how it gets the secrets of a cluster.

    Raises FlagError where a runner would keep them with the job, for all to see who see the job.
    """
    flags = options.view_as(RunnerOptions)
    java = JavaTransforms(
        flags.expansion_service,
        makes_batches=bool(flags.java_batches),
        reads_secrets=bool(flags.java_reads_secrets),
    )
    held = [] if java.reads_secrets or flags.job_holds_secrets else secrets_in_job(cluster)
    if held and runner.kind in (Kind.FLINK, Kind.DATAFLOW):
        message = (
            f"{runner.kind.value} would keep the secrets of {cluster} ({', '.join(held)}) with the "
            "job, in clear, for everybody who may look at it; take --java_reads_secrets, with "
            "env://NAME or file:///PATH on the Java workers, or Google's token "
            "(sasl.mechanism=OAUTHBEARER), or say that it may: --job_holds_secrets"
        )
        raise FlagError(message)
    return java


def secrets_in_job(cluster: KafkaCluster) -> list[str]:
    """The references whose secrets would be a part of KafkaIO's configuration. Reads none."""
    found: list[str] = []

    def note(reference: str) -> str:
        found.append(reference)
        return ""

    cluster.java_config(note)
    return list(dict.fromkeys(found))
