"""DECRYPT and ENCRYPT in statements: typed values, dead letters without plaintext."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from pipeline_io.keysets import KeysReference
from tests.transforms.encryption_vectors import FORMS, KEYS, PLACE, keys_of, secrets_of
from tests.transforms.sql.job_runs import NOW, Tables, record_type, script, source_options, written
from transforms.avro import choose_decoder
from transforms.dead_letters import Refusal
from transforms.encryption_values import Value
from transforms.sql.beam_sql_job import Engine, MixedJobText
from transforms.sql.errors import Script, SqlErrors
from transforms.sql.explain import LookupDescription, explain
from transforms.sql.in_process import BranchRun
from transforms.sql.run import JobText
from transforms.sql.source_run import SourceRun

SECRET = "4111-SECRET-1111"  # noqa: S105  (a card's number that nobody has)
ROW = record_type("Item", id="int", card=["null", "string"], price=["null", "double"])
COLUMNS = "id INT, card STRING, price DOUBLE"
SOURCE = source_options("avro-confluent")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in FORMS:
        monkeypatch.setenv(f"TEST_KEYS_{form.upper()}", json.dumps(KEYS[form]))


def job_text(sink: str, select: str, form: str = "platform", rest: str = "") -> JobText:
    keys = f"SET 'encryption.keys' = 'env://TEST_KEYS_{form.upper()}';"
    text = keys + script(COLUMNS, sink, select, rest, options=SOURCE)
    return JobText(Script("job.sql", text), {}, open_keys=KeysReference)


def ran(text: JobText, rows: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Refusal]]:
    job, plan = text.compile()
    (table,) = plan.sources()
    branches = [BranchRun(branch, Tables(), job.where) for branch in plan.branches]
    source = written(ROW, rows)
    decoder = choose_decoder("auto")
    with SourceRun(table, branches, source.schemas, decoder, lambda: NOW) as opened:
        done = opened.process(source.records)
    (share,) = done.branches.values()
    return [json.loads(row or "") for row in share.rows.column(0).to_pylist()], done.refusals


def item(number: int, card: str | None, price: float | None = None) -> dict[str, Any]:
    return {"id": number, "card": card, "price": price}


def field(value: Value, form: str = "platform", place: bytes = b"") -> str:
    return keys_of(form).encrypt(value, place)


@pytest.mark.parametrize("form", FORMS)
def test_a_field_of_every_form_is_decrypted(form: str) -> None:
    place = PLACE.decode()
    text = job_text("id INT, card STRING", f"id, DECRYPT(card, 'STRING', '{place}')", form)
    rows, refused = ran(text, [item(1, field(SECRET, form, PLACE)), item(2, None)])
    assert rows == [{"id": 1, "card": SECRET}, {"id": 2, "card": None}]
    assert not refused


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("STRING", 42, "42"),
        ("STRING", 1.5, "1.5"),
        ("STRING", True, "true"),
        ("BIGINT", -(2**63), -(2**63)),
        ("BIGINT", "42", 42),
        ("INT", 42, 42),
        ("DOUBLE", 5e-324, 5e-324),
        ("DECIMAL(10, 2)", "12.34", 12.34),
        ("BOOLEAN", False, False),
        ("BYTES", b"\0\xff", "AP8="),
        ("BYTES", "a", "YQ=="),
        ("DATE", "2024-02-29", "2024-02-29"),
    ],
)
def test_the_result_has_the_type_that_the_statement_names(
    kind: str, value: Value, expected: object
) -> None:
    text = job_text(f"x {kind}", f"DECRYPT(card, '{kind}')")
    rows, refused = ran(text, [item(1, field(value)), item(2, None)])
    assert [row["x"] for row in rows] == [expected, None]
    assert not refused


def test_dates_and_times_come_out_as_they_went_in() -> None:
    sealed = "ENCRYPT(CAST('2024-02-29' AS DATE)), ENCRYPT(TIMESTAMP '2024-02-29 01:02:03.456')"
    made, _ = ran(job_text("d STRING, t STRING", sealed), [item(1, None)])
    opened = job_text("d DATE, t TIMESTAMP(3)", "DECRYPT(card, 'DATE'), CAST(NULL AS TIMESTAMP(3))")
    assert ran(opened, [item(1, made[0]["d"])])[0][0]["d"] == "2024-02-29"
    opened = job_text("t TIMESTAMP(3)", "DECRYPT(card, 'TIMESTAMP(3)')")
    assert ran(opened, [item(1, made[0]["t"])])[0][0]["t"].startswith("2024-02-29 01:02:03.456")


@pytest.mark.parametrize("form", FORMS)
def test_what_a_statement_encrypts_another_one_decrypts(form: str) -> None:
    sealed = job_text("card STRING, price STRING", "ENCRYPT(card, 'a.b'), ENCRYPT(price)", form)
    ((row,), refused) = ran(sealed, [item(1, SECRET, 0.1)])
    assert not refused
    assert SECRET not in str(row)
    assert keys_of(form).decrypt(row["card"], b"a.b") == SECRET
    opened = job_text("price DOUBLE", "DECRYPT(card, 'DOUBLE')", form)
    assert ran(opened, [item(1, row["price"])])[0] == [{"price": 0.1}]


def test_a_field_that_does_not_decrypt_is_a_dead_letter_that_says_why() -> None:
    text = job_text("id INT, card STRING", "id, DECRYPT(t.card)")
    unknown, wrong = "9" + field(SECRET)[1:], field(SECRET)[:-6] + "AAAA=="
    rows, refused = ran(text, [item(1, field("a")), item(2, unknown), item(3, wrong), item(4, "x")])
    assert rows == [{"id": 1, "card": "a"}]
    assert [one.position for one in refused] == [1, 2, 3]
    assert {one.error_class for one in refused} == {"FieldRefused"}
    for one, why in zip(
        refused, ["key '9': there is no", "key '2': its tag", "this form"], strict=True
    ):
        assert (
            f"DECRYPT: t.card does not decrypt: {why}" if "form" not in why else why in one.message
        )
        assert one.message.startswith("job.sql:3:")


@pytest.mark.parametrize(
    ("sink", "select"),
    [
        ("x BIGINT", "DECRYPT(card, 'BIGINT')"),
        ("x BIGINT", "CAST(DECRYPT(card) AS BIGINT)"),
        ("x STRING", "FROM_BASE64(DECRYPT(card))"),
        ("x STRING", "FORMAT_DATE_ANY(LOWER(DECRYPT(card)), 'yyyy', 'yyyy')"),
        ("x STRING", "CASE WHEN CAST(DECRYPT(card) AS INT) > 1 THEN 'a' END"),
        ("x DATE", "CAST(SUBSTRING(DECRYPT(card), 2) AS DATE)"),
    ],
)
def test_no_dead_letter_shows_what_a_field_decrypted_to(sink: str, select: str) -> None:
    rows, refused = ran(job_text(sink, select), [item(1, field(SECRET))])
    if rows:
        assert rows == [{"x": None}]
        return
    (letter,) = refused
    assert "secret" not in letter.message.lower()
    assert "4111" not in letter.message


def test_a_value_of_a_view_is_not_shown_either() -> None:
    text = job_text("x BIGINT", "1")
    view = "CREATE VIEW v AS SELECT DECRYPT(card) AS c FROM t;"
    changed = text.script.text.replace("INSERT", f"{view}\nINSERT").replace(
        "SELECT 1 FROM t", "SELECT CAST(c AS BIGINT) FROM v WHERE c <> '0'"
    )
    hidden = JobText(Script("job.sql", changed), {}, open_keys=KeysReference)
    rows, (letter,) = ran(hidden, [item(1, field(SECRET))])
    assert not rows
    assert "not a valid BIGINT" in letter.message
    assert "4111" not in letter.message


@pytest.mark.parametrize(
    ("select", "why"),
    [
        ("DECRYPT(price)", "argument 1 is DOUBLE, expected STRING"),
        ("DECRYPT(card, card)", "must be written as a literal text"),
        ("DECRYPT(card, 'NONSENSE')", "NONSENSE"),
        ("DECRYPT(card, 'ROW<a INT>')", "no type of one"),
        ("DECRYPT()", "1 to 3 arguments"),
        ("ENCRYPT(ARRAY[1])", "expected a text, number"),
        ("ENCRYPT(card, card)", "must be written as a literal text"),
    ],
)
def test_a_mistaken_call_is_told_before_the_start(select: str, why: str) -> None:
    with pytest.raises(SqlErrors, match=why):
        job_text("x STRING", select).compile()


def test_a_script_without_keys_is_told_where_they_go() -> None:
    text = script(COLUMNS, "x STRING", "DECRYPT(card)", options=SOURCE)
    with pytest.raises(SqlErrors, match=r"SET 'encryption\.keys'"):
        JobText(Script("job.sql", text), {}, open_keys=KeysReference).compile()


def test_keys_in_the_script_itself_are_refused_and_not_shown() -> None:
    text = f"SET 'encryption.keys' = '{SECRET}';" + script("id INT", "id INT", "id")
    with pytest.raises(SqlErrors, match="takes a reference") as refused:
        JobText(Script("job.sql", text), {}, open_keys=KeysReference).compile()
    assert SECRET not in str(refused.value)


def test_a_kms_key_that_is_none_is_told() -> None:
    text = "SET 'encryption.kms-key' = 'projects/p';" + script("id INT", "id INT", "id")
    with pytest.raises(SqlErrors, match="names no key of Cloud KMS"):
        JobText(Script("job.sql", text), {}, open_keys=KeysReference).compile()


def test_beam_sql_does_not_decrypt() -> None:
    text = job_text("x STRING", "DECRYPT(card)").script
    mixed = MixedJobText(text, {}, open_keys=KeysReference, engine=Engine.BEAM)
    with pytest.raises(SqlErrors, match="Beam SQL has no DECRYPT"):
        mixed.compile()


@pytest.mark.parametrize("form", FORMS)
def test_a_plan_and_what_travels_to_workers_have_no_keys(form: str) -> None:
    text = job_text("x STRING", "DECRYPT(card, 'STRING', 'items.card_number')", form)
    ran(text, [item(1, field(SECRET, form, PLACE))])
    job, plan = text.compile()
    shown = explain(job, plan, "auto", lambda *_: LookupDescription("", "", 1))
    travels = pickle.dumps(text)
    assert f"env://TEST_KEYS_{form.upper()}" in shown
    for secret in secrets_of(KEYS[form]):
        assert secret not in shown
        assert secret.encode() not in travels
        assert secret not in repr((job, plan, text))


def test_many_batches_do_not_mix_their_values() -> None:
    text = job_text("id INT, card STRING", "id, DECRYPT(card)", rest="WHERE DECRYPT(card) <> 'b'")
    rows, refused = ran(text, [item(n, field("b" if n % 3 else str(n))) for n in range(60)])
    assert rows == [{"id": n, "card": str(n)} for n in range(0, 60, 3)]
    assert not refused
    assert pl.DataFrame(rows).height == 20


def test_a_computed_column_may_decrypt_and_hides_what_it_gives() -> None:
    text = job_text("x BIGINT", "CAST(c AS BIGINT)").script.text
    computed = text.replace("price DOUBLE)", "price DOUBLE, c AS DECRYPT(card))", 1)
    hidden = JobText(Script("job.sql", computed), {}, open_keys=KeysReference)
    rows, (letter,) = ran(hidden, [item(1, field(42)), item(2, field(SECRET))])
    assert rows == [{"x": 42}]
    assert "not a valid BIGINT" in letter.message
    assert "4111" not in letter.message
