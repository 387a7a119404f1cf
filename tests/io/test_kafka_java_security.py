"""KafkaIO logs in to a real broker, each way that it has, with the options of the native reader."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError, KafkaConfigError, UnknownTopicError
from pipeline_io.kafka_google_token import GOOGLE_LOGIN
from pipeline_io.kafka_java import KafkaIORead
from pipeline_io.kafka_java_properties import MODULES, TOKEN_LOGIN
from pipeline_io.kafka_source import KafkaSource
from tests.io.kafka_java_job import noted
from tests.io.kafka_java_running import Job, produce, until
from tests.stack.home import home
from tests.stack.servers import BeamJava, Kafka, Prism
from tests.stack.topics import Topics

RECORDS = 500


@pytest.fixture
def password(kafka: Kafka, tmp_path: Path) -> Path:
    """The file that has the password."""
    path = tmp_path / "password"
    path.write_text(kafka.password)
    return path


def by_password(kafka: Kafka, mechanism: str, password: Path) -> dict[str, str]:
    return {
        "sasl.mechanism": mechanism,
        "sasl.username": kafka.username,
        "sasl.password": f"file://{password}",
    }


def ways(kafka: Kafka, password: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """Brokers and properties of each way in."""
    trust = {"ssl.truststore.location": kafka.ca}
    client = kafka.text("client_certificate")
    found = {
        "plain": (
            kafka.sasl_brokers,
            {"security.protocol": "SASL_PLAINTEXT", **by_password(kafka, "PLAIN", password)},
        ),
        "certificate": (
            kafka.tls_brokers,
            {"security.protocol": "SSL", **trust, "ssl.keystore.location": client},
        ),
        "certificate-by-librdkafkas-names": (
            kafka.tls_brokers,
            {
                "security.protocol": "SSL",
                "ssl.ca.location": kafka.ca,
                "ssl.certificate.location": client,
                "ssl.key.location": client,
            },
        ),
    }
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        properties = {
            "security.protocol": "SASL_SSL",
            **trust,
            **by_password(kafka, mechanism, password),
        }
        found[f"tls-{mechanism.lower()}"] = (kafka.sasl_tls_brokers, properties)
    return found


@pytest.mark.parametrize(
    ("makes_batches", "reads_secrets"), [(False, True), (True, False), (True, True)]
)
def test_a_job_on_prism_reads_by_each_login(
    kafka: Kafka,
    beam_java: BeamJava,
    prism: Prism,
    topic: Topics,
    tmp_path: Path,
    password: Path,
    makes_batches: bool,
    reads_secrets: bool,
) -> None:
    reads: list[dict[str, Any]] = []
    for name, (brokers, properties) in ways(kafka, password).items():
        topics = [topic(partitions=2, name=name)]
        produce(kafka.brokers, topics[0], 2, range(RECORDS))
        reads.append({"brokers": brokers, "properties": properties, "topics": topics})
    given = {
        "reads": reads,
        "expansion_service": beam_java.expansion_address,
        "makes_batches": makes_batches,
        "reads_secrets": reads_secrets,
    }
    flags = (
        "--streaming",
        "--runner=PrismRunner",
        f"--prism_location={prism.binary}",
        "--environment_type=LOOPBACK",
    )
    running = Job(given, list(flags), tmp_path)
    running.submit()
    expected = {
        (read["topics"][0], number % 2, number // 2) for read in reads for number in range(RECORDS)
    }

    def seen() -> set[tuple[str, int, int]]:
        return {record[:3] for record in noted(tmp_path / "noted")}

    try:
        until(lambda: seen() >= expected, "the records of each login", running.report)
    finally:
        running.kill()
    said = (tmp_path / "job.log").read_text(errors="replace")
    assert kafka.password not in said
    assert kafka.password not in beam_java.log().read_text(errors="replace")


def made(kafka: Kafka, topic: Topics) -> str:
    """A topic that a broker knows of: it has a record."""
    name = topic()
    produce(kafka.brokers, name, 1, range(1))
    return name


def check(brokers: str, properties: dict[str, str], topic: str) -> None:
    cluster = KafkaCluster(brokers, properties)
    KafkaIORead(KafkaSource(cluster, (topic,), bounded=False)).check()


@pytest.mark.parametrize("way", ["plain", "certificate", "tls-scram-sha-512"])
def test_what_is_right_passes_the_check(
    kafka: Kafka, topic: Topics, password: Path, way: str
) -> None:
    check(*ways(kafka, password)[way], made(kafka, topic))


def test_a_wrong_password_is_told_before_the_job_starts_without_it(
    kafka: Kafka, topic: Topics, password: Path
) -> None:
    password.write_text("hunter2")
    with pytest.raises(KafkaAccessError, match="check the user, the password") as told:
        check(*ways(kafka, password)["tls-scram-sha-256"], made(kafka, topic))
    assert "hunter2" not in str(told.value)


def test_an_authority_that_did_not_sign_the_broker_is_told_before_the_job_starts(
    kafka: Kafka, topic: Topics, password: Path
) -> None:
    brokers, properties = ways(kafka, password)["certificate"]
    stranger = {**properties, "ssl.truststore.location": kafka.text("stranger_ca")}
    with pytest.raises(KafkaAccessError, match=r"ssl\.truststore\.location"):
        check(brokers, stranger, made(kafka, topic))


def test_a_topic_that_is_not_there_is_told_before_the_job_starts(
    kafka: Kafka, password: Path
) -> None:
    with pytest.raises(UnknownTopicError, match="has no topic 'nowhere'"):
        check(*ways(kafka, password)["plain"], "nowhere")


def test_a_certificates_file_that_is_not_there_is_named(kafka: Kafka, password: Path) -> None:
    brokers, properties = ways(kafka, password)["certificate"]
    gone = {**properties, "ssl.truststore.location": "/gone/ca.pem"}
    source = KafkaSource(KafkaCluster(brokers, gone), ("t",), bounded=False)
    with pytest.raises(KafkaConfigError, match=r"'/gone/ca\.pem': FileNotFoundError"):
        KafkaIORead(source).consumer_config()


def test_the_classes_that_log_in_are_those_that_beams_java_brings(beam_java: BeamJava) -> None:
    names: set[str] = set()
    for jar in (home() / "parts" / beam_java.name / "jars").glob("*kafka*.jar"):
        with zipfile.ZipFile(jar) as opened:
            names.update(opened.namelist())
    for named in (GOOGLE_LOGIN, TOKEN_LOGIN, *MODULES.values()):
        assert f"{named.replace('.', '/')}.class" in names
