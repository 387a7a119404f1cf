"""SQL jobs that decrypt, as pipelines: what is written, and what is told of keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import sql_job
from tests.transforms.change_log_recordings import RECORDINGS
from tests.transforms.encryption_vectors import KEYS, keys_of, secrets_of

SCRIPT = """
SET 'encryption.keys' = '${KEYS_REFERENCE}';
CREATE TABLE items (id BIGINT, name STRING, status STRING) WITH ('connector' = 'recording',
  'path' = 'RECORDED', 'topic' = 'mysql_adaptive.shop.items_full',
  'value.format' = 'debezium-avro-confluent');
CREATE TABLE o (id BIGINT, name STRING, again STRING) WITH ('connector' = 'filesystem',
  'path' = '${OUTPUT_DIR}/o.jsonl', 'format' = 'json');
INSERT INTO o SELECT id, ENCRYPT(name, 'items.name'), DECRYPT(ENCRYPT(name, 'a'), 'STRING', 'a')
FROM items WHERE name IS NOT NULL;
"""


def run(tmp_path: Path, reference: str, *flags: str) -> int:
    script = tmp_path / "job.sql"
    script.write_text(SCRIPT.replace("RECORDED", str(RECORDINGS / "mysql_adaptive")))
    return sql_job.main(
        [
            f"--job={script}",
            f"--output_dir={tmp_path}/out",
            f"--variable=KEYS_REFERENCE={reference}",
            *flags,
        ]
    )


def test_a_job_encrypts_and_decrypts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(KEYS["tink_gcm"]))
    assert run(tmp_path, f"file://{tmp_path}/keys.json") == 0
    (file,) = (tmp_path / "out").glob("o*.jsonl*")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) > 30
    for row in rows:
        assert keys_of("tink_gcm").decrypt(row["name"], b"items.name") == row["again"]
    told = "".join(capfd.readouterr()) + (tmp_path / "out" / "summary.json").read_text()
    assert not [secret for secret in secrets_of(KEYS["tink_gcm"]) if secret in told]


def test_a_plan_names_where_the_keys_are_without_reading_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, f"file://{tmp_path}/none.json", "--explain") == 0
    assert f"set encryption.keys = file://{tmp_path}/none.json" in capfd.readouterr().out


def test_keys_that_cannot_be_read_stop_the_job_before_it_begins(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, f"file://{tmp_path}/none.json") == 2
    assert "SET 'encryption.keys': file://" in "".join(capfd.readouterr())
