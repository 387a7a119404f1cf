"""A job that shows passwords to real servers shows them to nobody else."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from pipelines import sql_job
from tests.io.kafka_sink_rows import read_topic
from tests.stack.databases import Database
from tests.stack.servers import Kafka
from tests.stack.topics import Topics

SHOP = Path("pipelines/recordings/shop").absolute()
SCRIPT = """
CREATE TABLE items (id BIGINT, name STRING, op STRING METADATA FROM 'op' VIRTUAL,
  proctime AS PROCTIME())
WITH ('connector' = 'recording', 'path' = '${SHOP}', 'topic' = 'mysql_adaptive.shop.items',
  'value.format' = 'debezium-avro-confluent');
CREATE TABLE known (id BIGINT PRIMARY KEY NOT ENFORCED, label STRING)
WITH ('connector' = 'jdbc', 'url' = '${ADDRESS}', 'table-name' = 'known', 'username' = '${USER}',
  'password' = 'env://TEST_DATABASE_PASSWORD');
CREATE TABLE sink (id BIGINT, name STRING, label STRING)
WITH ('connector' = 'kafka', 'topic' = '${TOPIC}', 'value.format' = 'json',
  'properties.bootstrap.servers' = '${BROKERS}', 'properties.security.protocol' = 'SASL_PLAINTEXT',
  'properties.sasl.mechanism' = 'SCRAM-SHA-256',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.scram.ScramLoginModule required
     username="${KAFKA_USER}" password="env://TEST_KAFKA_PASSWORD";');
INSERT INTO sink SELECT i.id, i.name, k.label FROM items AS i
LEFT JOIN known FOR SYSTEM_TIME AS OF i.proctime AS k ON k.id = i.id;
"""


def test_passwords_are_in_no_plan_no_log_no_graph_and_no_file(
    kafka: Kafka,
    topic: Topics,
    postgres_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    database, password = postgres_database, "hunter-8206-database"
    user = f"reader_{database.name[-8:]}"
    database.execute(
        "CREATE TABLE known (id BIGINT PRIMARY KEY, label TEXT)",
        "INSERT INTO known SELECT number, 'known' FROM generate_series(1, 1000) AS number",
        f"CREATE ROLE {user} LOGIN PASSWORD '{password}'",
        f"GRANT SELECT ON known TO {user}",
    )
    monkeypatch.setenv("TEST_DATABASE_PASSWORD", password)
    monkeypatch.setenv("TEST_KAFKA_PASSWORD", kafka.password)
    name = topic()
    graphs: list[bytes] = []
    run = beam.Pipeline.run

    def kept(pipeline: Any, *args: Any, **more: Any) -> Any:
        graphs.append(pipeline.to_runner_api().SerializeToString())
        return run(pipeline, *args, **more)

    monkeypatch.setattr(beam.Pipeline, "run", kept)
    (tmp_path / "job.sql").write_text(SCRIPT)
    flags = [f"--job={tmp_path / 'job.sql'}", f"--output_dir={tmp_path / 'out'}"]
    variables = {
        "SHOP": SHOP,
        "ADDRESS": f"jdbc:postgresql://{database.host}:{database.port}/{database.name}",
        "USER": user,
        "TOPIC": name,
        "BROKERS": kafka.sasl_brokers,
        "KAFKA_USER": kafka.username,
    }
    flags += [f"--variable={key}={value}" for key, value in variables.items()]
    try:
        with caplog.at_level(logging.DEBUG):
            assert sql_job.main([*flags, "--explain"]) == 0
            assert sql_job.main(flags) == 0
    finally:
        database.execute(f"DROP OWNED BY {user}", f"DROP ROLE {user}")
    messages = [json.loads(message.value() or b"") for message in read_topic(kafka.brokers, name)]
    assert messages and {message["label"] for message in messages} <= {"known", None}
    out, err = capfd.readouterr()
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert "lookup" in out.lower() and written and graphs
    everything = b"\n".join([out.encode(), err.encode(), caplog.text.encode(), *written, *graphs])
    for secret in (password, kafka.password):
        assert secret.encode() not in everything
