"""python -m pipelines.change_log with fields that are encrypted, into a warehouse file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipelines.test_change_log import ran, rows
from tests.transforms.change_log_recordings import logged
from tests.transforms.encryption_vectors import KEYS, keys_of, secrets_of


@pytest.fixture
def keys(tmp_path: Path) -> str:
    (tmp_path / "keys.json").write_text(json.dumps(KEYS["tink_siv"]))
    return f"--keys=file://{tmp_path}/keys.json"


def test_a_log_is_written_encrypted_and_says_no_key(
    tmp_path: Path, keys: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ("--source_name=shop", "--topics=.*items_full")
    ran(tmp_path, "pg_adaptive", *names, "--encrypt=items_full.status", keys)
    found = rows(tmp_path, "items_full_change_log")
    plain = logged("pg_adaptive")[0]["items_full"]
    assert len(found) == len(plain)
    statuses = {json.loads(row["after"])["status"] for row in plain if row["after"]}
    sealed = {json.loads(row["after"])["status"] for row in found if row["after"]}
    place = b"items_full.status"
    # A deterministic key has one field a value: the log can still be grouped by it.
    assert {keys_of("tink_siv").decrypt(text, place) for text in sealed} == statuses
    assert len(sealed) == len(statuses)
    told = "".join(capfd.readouterr()) + (tmp_path / "out" / "summary.json").read_text()
    assert not [secret for secret in secrets_of(KEYS["tink_siv"]) if secret in told]


def test_records_that_do_not_decrypt_are_dead_letters_as_they_came(
    tmp_path: Path, keys: str
) -> None:
    names = ("--source_name=shop", "--topics=.*items_full")
    summary = ran(tmp_path, "pg_adaptive", *names, "--decrypt=items_full.status", keys)
    letters = [
        json.loads(line)
        for line in (tmp_path / "out" / "dead_letters.jsonl").read_text().splitlines()
    ]
    assert letters
    assert {letter["stage"] for letter in letters} == {"decrypt"}
    assert {letter["error_class"] for letter in letters} == {"FieldRefused"}
    assert all(
        letter["message"].startswith("items_full.status does not decrypt: it is not of this form")
        for letter in letters
    )
    assert all(letter["payload"] for letter in letters)
    stored = rows(tmp_path, "_dead_letters")
    assert [row["payload"] for row in stored] == [letter["payload"] for letter in letters]
    assert summary


def test_keys_that_cannot_be_read_stop_the_run_before_it_begins(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flags = ("--source_name=shop", "--decrypt=items.name", f"--keys=file://{tmp_path}/missing")
    ran(tmp_path, "pg_adaptive", *flags, expected=2)
    assert "is the secret mounted there?" in "".join(capfd.readouterr())
    assert not (tmp_path / "w.duckdb").exists()
