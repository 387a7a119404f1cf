"""The AML job shows its passwords to Kafka and to the customer database by its flags alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import aml
from tests.stack.databases import Database
from tests.stack.replay import Replay
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import Topics

KAFKA, LOOKUP = "AML_KAFKA_PASSWORD", "AML_LOOKUP_PASSWORD"
EVENTS = 1_427


def test_passwords_of_kafka_and_of_the_lookup_are_read_by_reference(
    kafka: Kafka,
    registry: Registry,
    postgres_database: Database,
    topic: Topics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    postgres_database.execute((aml.RECORDING / "customers.sql").read_text(encoding="utf-8"))
    names = ("core.bank.transfers", "cards.public.card_payments")
    topics = {name: topic(name=name) for name in names}
    Replay(aml.RECORDING, kafka.brokers, registry.url, topics).send()
    script = aml.SCRIPT.read_text(encoding="utf-8")
    for old, new in topics.items():
        script = script.replace(f"'topic' = '{old}'", f"'topic' = '{new}'")
    monkeypatch.setattr(aml, "SCRIPT", tmp_path / "aml.sql")
    aml.SCRIPT.write_text(script, encoding="utf-8")
    jaas = f'Login required username="{kafka.username}" password="env://{KAFKA}";'
    where = postgres_database
    flags = [
        f"--kafka_brokers={kafka.sasl_brokers}",
        f"--kafka_group={topics[names[0]]}",
        "--kafka_property=security.protocol=SASL_PLAINTEXT",
        "--kafka_property=sasl.mechanism=SCRAM-SHA-512",
        f"--kafka_property=sasl.jaas.config={jaas}",
        f"--schema_registry={registry.url}",
        f"--lookup_url=postgresql+psycopg://{where.host}:{where.port}/{where.name}",
        f"--lookup_user={where.user}",
        f"--lookup_password=env://{LOOKUP}",
        f"--output_dir={tmp_path / 'out'}",
    ]
    monkeypatch.setenv(KAFKA, kafka.password)
    monkeypatch.setenv(LOOKUP, "hunter2")
    assert aml.main(flags) == 1
    assert "check user, password and the right to SELECT" in capsys.readouterr().err
    monkeypatch.setenv(LOOKUP, where.password)
    monkeypatch.setenv(KAFKA, "hunter2")
    assert aml.main(flags) == 1
    assert "check the user, the password and sasl.mechanism" in capsys.readouterr().err
    monkeypatch.setenv(KAFKA, kafka.password)
    assert aml.main(flags) == 0
    lines = (tmp_path / "out" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == EVENTS
    assert json.loads(lines[0])["event"]["customer"]["name"] == "Testkundin 055"
    told = capsys.readouterr()
    assert kafka.password not in told.out + told.err
    assert where.password not in told.out + told.err
