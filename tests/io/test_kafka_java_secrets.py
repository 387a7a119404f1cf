"""Secrets that Java's workers read themselves: what goes with the job names them alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_io import kafka_java
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_java import JavaTransforms, KafkaIORead
from pipeline_io.kafka_java_secrets import PROVIDERS, java_reference
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.secrets import SecretError, read_secret

SECRET = "env://TEST_SECRET"  # noqa: S105  (a reference)
BY_PASSWORD = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "alice",
    "sasl.password": SECRET,
}


def read(given: dict[str, str], *, reads_secrets: bool = True) -> KafkaIORead:
    source = KafkaSource(KafkaCluster("a:1", given), ("t",), bounded=False)
    return KafkaIORead(source, JavaTransforms(reads_secrets=reads_secrets))


def test_a_password_stays_a_reference_that_nobody_reads_here() -> None:
    config = read(BY_PASSWORD).consumer_config()
    assert config["sasl.jaas.config"].endswith('username="alice" password="${env:TEST_SECRET}";')
    assert config.items() >= PROVIDERS.items()


def test_the_password_of_a_store_stays_a_reference() -> None:
    given = {
        "security.protocol": "SSL",
        "ssl.keystore.location": "/client.p12",
        "ssl.keystore.password": "file:///run/secrets/store",
    }
    config = read(given).consumer_config()
    assert config["ssl.keystore.password"] == "${directory:/run/secrets:store}"


def test_a_keys_file_is_the_workers_and_a_certificates_goes_with_the_job(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text("CERTIFICATE")
    (tmp_path / "key.pem").write_text("KEY")
    given = {
        "security.protocol": "SSL",
        "ssl.certificate.location": str(tmp_path / "client.pem"),
        "ssl.key.location": str(tmp_path / "key.pem"),
    }
    config = read(given).consumer_config()
    assert config["ssl.keystore.certificate.chain"] == "CERTIFICATE"
    assert config["ssl.keystore.key"] == f"${{directory:{tmp_path}:key.pem}}"


@pytest.mark.parametrize(
    "reference", ["secret://projects/p/secrets/s/versions/1", "file://here", "file:///a:b/c"]
)
def test_a_reference_that_java_cannot_read_is_told(reference: str) -> None:
    with pytest.raises(KafkaConfigError, match="by env://NAME and file:///PATH alone"):
        java_reference(reference)


def test_a_secret_that_only_the_workers_have_is_not_missed_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TEST_SECRET", raising=False)
    monkeypatch.setattr(kafka_java, "check_topics", lambda source: read_secret(SECRET))
    read(BY_PASSWORD).check()
    with pytest.raises(SecretError, match="TEST_SECRET is not set"):
        read(BY_PASSWORD, reads_secrets=False).check()
