"""Snapshots whose fields are encrypted or decrypted on their way into the warehouse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipelines.snapshot_runs import Warehouse
from tests.stack.databases import Database
from tests.transforms.encryption_vectors import FORMS, KEYS, keys_of, secrets_of

CARD = "4111-SECRET-1111"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Files with keys, by form."""
    files = {form: tmp_path / f"{form}.json" for form in FORMS}
    for form, file in files.items():
        file.write_text(json.dumps(KEYS[form]))
    return {form: f"--keys=file://{file}" for form, file in files.items()}


def shop(database: Database, card: str | None = CARD) -> None:
    database.execute(
        "CREATE TABLE items (id int PRIMARY KEY, card varchar(400), size int, extra json)"
    )
    extra = json.dumps({"cards": [{"no": CARD, "n": 1}, {"n": 2}], "size": 12345678901234567890})
    database.insert(
        "INSERT INTO items VALUES (%s, %s, %s, %s)", [[1, card, 7, extra], [2, None, None, None]]
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_plain_column_is_encrypted_on_its_way(
    mysql_database: Database, warehouse: Warehouse, keys: dict[str, str], form: str
) -> None:
    shop(mysql_database)
    rules = "--encrypt=items.card,items.extra.cards[*].no"
    assert warehouse.take(mysql_database, rules, keys[form]) == 0
    one, two = warehouse.rows("items_snapshot")
    assert CARD not in str(one)
    assert keys_of(form).decrypt(one["card"], b"items.card") == CARD
    assert one["size"] == 7
    extra = json.loads(one["extra"])
    assert extra["size"] == 12345678901234567890
    assert extra["cards"][1] == {"n": 2}
    assert keys_of(form).decrypt(extra["cards"][0]["no"], b"items.extra.cards[*].no") == CARD
    assert two["card"] is two["extra"] is None


def test_an_encrypted_column_is_decrypted_on_its_way(
    mysql_database: Database, warehouse: Warehouse, keys: dict[str, str]
) -> None:
    shop(mysql_database, keys_of("platform").encrypt(CARD, b""))
    assert warehouse.take(mysql_database, "--decrypt=items.card", keys["platform"]) == 0
    assert [row["card"] for row in warehouse.rows("items_snapshot")] == [CARD, None]


def test_a_snapshot_with_a_field_that_does_not_decrypt_is_not_taken(
    mysql_database: Database,
    warehouse: Warehouse,
    keys: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    shop(mysql_database, "7" + keys_of("platform").encrypt(CARD, b"")[1:])
    assert warehouse.take(mysql_database, "--decrypt=items.card", keys["platform"]) == 1
    told = "".join(capfd.readouterr())
    assert "items.card does not decrypt in 1 of 2 rows: key '7': there is no key" in told
    assert "SECRET" not in told
    assert not [secret for secret in secrets_of(KEYS["platform"]) if secret in told]
    assert warehouse.states() == {"items": "reading"}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("items.cart", "items has no such column, but id, card, size, extra"),
        ("items.id", "the column is in the table's key"),
        ("items.size", "the column is INT64 in the warehouse"),
        ("items.extra", "the column is JSON in the warehouse"),
    ],
)
def test_what_cannot_be_encrypted_is_told_before_anything_is_read(
    mysql_database: Database,
    warehouse: Warehouse,
    keys: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    rule: str,
    why: str,
) -> None:
    shop(mysql_database)
    assert warehouse.take(mysql_database, f"--encrypt={rule}", keys["platform"]) == 2
    assert why in "".join(capfd.readouterr())
