"""Change events whose fields are decrypted or encrypted on their way into the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from kami.tables import warehouse_name
from tests.transforms.change_log_recordings import NOW, logged, records, rows_of
from tests.transforms.encrypted_recording import encrypted_recording
from tests.transforms.encryption_vectors import FORMS, KEYS, Documents, keys_of
from transforms.avro import SchemaSource, choose_decoder
from transforms.change_log_lives import OneSource
from transforms.change_log_order import EventOrder
from transforms.change_log_rows import ChangeLog, LogBatch
from transforms.change_log_tables import TableNames
from transforms.encryption_events import EventFields
from transforms.encryption_rules import Action, FieldRules, parse_rules

COLUMNS = {
    "name": "",
    "status": "",
    "state": "",
    "notes": "",
    "qty": "",
    "flag": "",
    "created_at": ":io.debezium.time.{}",
    "updated_at": ":io.debezium.time.{}",
}
TIMES = {
    "mysql_adaptive": ("MicroTimestamp", "ZonedTimestamp"),
    "pg_adaptive": ("ZonedTimestamp", "MicroTimestamp"),
}
Row = dict[str, Any]


def place(table: str, column: str) -> bytes:
    return f"{table}.{column}".encode()


def fields(form: str, decrypt: str = "", encrypt: str = "") -> EventFields:
    rules = (
        *(parse_rules(Action.DECRYPT, [decrypt]) if decrypt else ()),
        *(parse_rules(Action.ENCRYPT, [encrypt]) if encrypt else ()),
    )
    return EventFields(FieldRules(rules, Documents(json.dumps(KEYS[form]))))


def log_of(
    batches: Sequence[pa.RecordBatch], schemas: SchemaSource, changes: EventFields
) -> list[LogBatch]:
    order, names = EventOrder(OneSource("shop")), TableNames(warehouse_name)
    log = ChangeLog(schemas, choose_decoder(), order, names, lambda: NOW, changes)
    return [log.process(batch) for batch in batches]


def merged(found: Sequence[LogBatch]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for batch in found:
        for table, rows in rows_of(batch).items():
            tables.setdefault(table, []).extend(rows)
    return tables


def shop(name: str, form: str, columns: Sequence[str] = tuple(COLUMNS)) -> Any:
    keys = keys_of(form)
    return encrypted_recording(
        name, columns, lambda table, column, value: keys.encrypt(value, place(table, column))
    )


@pytest.mark.parametrize("name", list(TIMES))
@pytest.mark.parametrize("form", ["platform", "kryptonite"])
def test_the_log_of_encrypted_columns_is_the_log_of_the_plain_ones(name: str, form: str) -> None:
    batches, schemas = shop(name, form)
    plain, counts = logged(name, 50)
    created, updated = TIMES[name]
    types = {"created_at": created, "updated_at": updated}
    tables = [table for table in plain if not table.startswith("_")]
    rules = ",".join(
        f"{table}.{column}{more.format(types.get(column))}"
        for table in tables
        for column, more in COLUMNS.items()
    )
    found = log_of(batches, schemas, fields(form, decrypt=rules))
    assert not [refusal for batch in found for refusal in batch.refusals]
    assert merged(found) == plain
    assert sum(batch.counts.rows for batch in found) == counts.rows > 30


@pytest.mark.parametrize("form", FORMS)
def test_texts_of_every_form_are_those_of_the_plain_log(form: str) -> None:
    batches, schemas = shop("pg_adaptive", form, ["name"])
    found = log_of(
        batches, schemas, fields(form, decrypt="items.name,items_full.name,items_evo.name")
    )
    assert merged(found) == logged("pg_adaptive", 50)[0]


def test_a_log_without_the_rule_has_the_encrypted_texts() -> None:
    batches, schemas = shop("pg_adaptive", "platform", ["name"])
    found = merged(log_of(batches, schemas, fields("platform", decrypt="orders.name")))
    names = [json.loads(row["after"]).get("name") for row in found["items"] if row["after"]]
    assert any(name and name.startswith("2#") for name in names)


def test_an_event_that_does_not_decrypt_is_refused_alone_and_without_plaintext() -> None:
    keys = keys_of("platform")

    def seal(table: str, column: str, value: str) -> str:
        field = keys.encrypt(f"SECRET {value}", b"")
        return "7" + field[1:] if "a" in value else field

    batches, schemas = encrypted_recording("pg_adaptive", ["name"], seal)
    found = log_of(batches, schemas, fields("platform", decrypt="items.name"))
    refusals = [refusal for batch in found for refusal in batch.refusals]
    rows = merged(found)["items"]
    every = logged("pg_adaptive", 50)[0]["items"]
    assert refusals
    assert len(rows) + len(refusals) == len(every)
    assert rows
    for refusal in refusals:
        assert refusal.stage == "decrypt"
        assert refusal.error_class == "FieldRefused"
        assert refusal.message.startswith("items.name does not decrypt: key '7': there is no key")
        assert "SECRET" not in repr(refusal)
    for batch, part in zip(batches, found, strict=True):
        assert part.counts.records == batch.num_rows
        assert part.counts.dead_letters == len(part.refusals)


def test_a_column_that_is_no_text_does_not_decrypt() -> None:
    batches, schemas = shop("mysql_adaptive", "platform", [])
    found = log_of(batches, schemas, fields("platform", decrypt="items.created_at"))
    (why,) = {refusal.message for batch in found for refusal in batch.refusals}
    assert why.startswith("items.created_at does not decrypt: it is not of this form")


@pytest.mark.parametrize("form", FORMS)
def test_an_encrypted_column_decrypts_to_what_the_plain_log_has(form: str) -> None:
    batches, schemas = shop("mysql_adaptive", form, [])
    found = merged(log_of(batches, schemas, fields(form, encrypt="items_full.status")))
    plain = logged("mysql_adaptive", 50)[0]
    assert found["items"] == plain["items"]
    compared = 0
    for ours, theirs in zip(found["items_full"], plain["items_full"], strict=True):
        for image in ("before", "after"):
            if theirs[image] is None:
                assert ours[image] is None
                continue
            row, wanted = json.loads(ours[image]), json.loads(theirs[image])
            value = wanted.pop("status")
            field = row.pop("status")
            assert row == wanted
            if value is not None:
                assert keys_of(form).decrypt(field, b"items_full.status") == value
                assert value not in ours[image]
                compared += 1
    assert compared


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("items.id", "is in the table's key"),
        ("items.nam", "no such column; did you mean 'name'"),
    ],
)
def test_what_cannot_be_encrypted_is_not_written_plain(rules: str, why: str) -> None:
    batches, schemas = shop("pg_adaptive", "platform", [])
    found = log_of(batches, schemas, fields("platform", encrypt=rules))
    rows = merged(found).get("items", [])
    assert [row["op"] for row in rows if row["op"] != "t"] == []
    messages = {refusal.message for batch in found for refusal in batch.refusals}
    assert any(why in message for message in messages)


def test_without_rules_the_log_is_as_it_was() -> None:
    changes = EventFields(FieldRules((), Documents(json.dumps(KEYS["platform"]))))
    _, schemas = shop("pg_adaptive", "platform", [])
    assert (
        merged(log_of(records("pg_adaptive", 50), schemas, changes)) == logged("pg_adaptive", 50)[0]
    )
