"""Whose job may hold Kafka's passwords, and whose is refused."""

from __future__ import annotations

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.kafka_cluster import KafkaCluster
from pipelines.java_reader import java_transforms, secrets_in_job
from pipelines.options import FlagError
from pipelines.runners import DEFAULTS, Kind

PROPERTIES = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "ssl.key.password": "secret://projects/p/secrets/key",
}
BY_PASSWORD = KafkaCluster("host:9092", PROPERTIES, "ann", "env://UNSET_KAFKA_PASSWORD")
BY_TOKEN = KafkaCluster(
    "host:9092", {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}
)


@pytest.mark.parametrize("kind", [Kind.FLINK, Kind.DATAFLOW])
def test_a_job_that_would_hold_passwords_is_refused_where_others_see_it(kind: Kind) -> None:
    with pytest.raises(FlagError) as refused:
        java_transforms(PipelineOptions([]), DEFAULTS[kind], BY_PASSWORD)
    assert "env://UNSET_KAFKA_PASSWORD" in str(refused.value)
    assert "take --java_reads_secrets" in str(refused.value)
    for flag in ("--java_reads_secrets", "--job_holds_secrets"):
        java_transforms(PipelineOptions([flag]), DEFAULTS[kind], BY_PASSWORD)
    java_transforms(PipelineOptions([]), DEFAULTS[kind], BY_TOKEN)
    java_transforms(PipelineOptions([]), DEFAULTS[kind], KafkaCluster("host:9092"))


def test_a_job_of_this_machine_may_hold_what_this_machine_knows() -> None:
    java = java_transforms(PipelineOptions(["--java_batches"]), DEFAULTS[Kind.PRISM], BY_PASSWORD)
    assert java.makes_batches and not java.reads_secrets


def test_the_secrets_of_a_job_are_named_and_not_read() -> None:
    assert "env://UNSET_KAFKA_PASSWORD" in secrets_in_job(BY_PASSWORD)
    assert secrets_in_job(BY_TOKEN) == []
