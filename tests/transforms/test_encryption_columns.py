"""One column with its fields changed: types, JSON, and what was not sent."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.encryption_vectors import FORMS, PLACE, keys_of, ring_of_form
from transforms.encryption_columns import UNSENT, ColumnCipher
from transforms.encryption_rules import Action, parse_rules
from transforms.encryption_values import Value

AT = datetime.datetime(2024, 2, 29, 1, 2, 3, 456000, tzinfo=datetime.timezone.utc)


def cipher(rule: str, action: Action = Action.DECRYPT, form: str = "platform") -> ColumnCipher:
    (parsed,) = parse_rules(action, [rule])
    return ColumnCipher(parsed, ring_of_form(form), PLACE)


def field(value: Value, form: str = "platform") -> str:
    return keys_of(form).encrypt(value, PLACE)


@pytest.mark.parametrize(
    ("values", "semantic", "kind"),
    [
        (["a", None], None, pa.string()),
        ([1, None, -5], None, pa.int64()),
        ([True, None, False], None, pa.bool_()),
        ([1.5, None], None, pa.float64()),
        ([b"\0", None], None, pa.binary()),
        ([AT, None], None, pa.timestamp("ms")),
        ([AT, None], "org.apache.kafka.connect.data.Date", pa.date32()),
        ([19_000, None], "io.debezium.time.Date", pa.int32()),
        ([10**15, None], "io.debezium.time.MicroTimestamp", pa.int64()),
        ([None, None], None, pa.string()),
    ],
)
def test_the_column_has_the_type_of_its_values(
    values: list[Any], semantic: str | None, kind: pa.DataType
) -> None:
    fields = [None if value is None else field(value) for value in values]
    found, refused = cipher("items.card").changed(fields, semantic)
    assert found.type == kind
    assert found.null_count == values.count(None)
    assert not refused


def test_values_of_several_types_are_texts() -> None:
    found, _ = cipher("items.card").changed([field(1), field("a"), field(True), None])
    assert found.to_pylist() == ["1", "a", "true", None]


def test_bytes_among_texts_are_refused_unless_the_rule_says_bytes() -> None:
    fields = [field(b"text", "tink_gcm"), field(b"\xff", "tink_gcm"), None]
    found, refused = cipher("items.raw", form="tink_gcm").changed(fields)
    assert found.to_pylist() == ["text", None, None]
    assert "items.raw:bytes" in refused[1]
    found, refused = cipher("items.raw:bytes", form="tink_gcm").changed(fields)
    assert found.to_pylist() == [b"text", b"\xff", None]
    assert not refused


@pytest.mark.parametrize("action", list(Action))
def test_what_the_connector_did_not_send_stays_so(action: Action) -> None:
    found, refused = cipher("items.card", action).changed([UNSENT, None])
    assert found.to_pylist() == [UNSENT, None]
    found, _ = cipher("items.card.no", action).changed([UNSENT, None])
    assert found.to_pylist() == [UNSENT, None]
    assert not refused


JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("form", FORMS)
@given(document=JSON)
@settings(max_examples=40)
def test_a_json_comes_back_from_encryption_as_it_was(form: str, document: object) -> None:
    text = json.dumps({"a": document, "size": 12345678901234567890}, separators=(",", ":"))
    sealed, refused = cipher("t.c.a.b[*].c", Action.ENCRYPT, form).changed([text])
    if refused:
        # Lists and objects are no values of a field.
        return
    opened, refused = cipher("t.c.a.b[*].c", Action.DECRYPT, form).changed(sealed.to_pylist())
    assert not refused
    found, wanted = json.loads(opened[0].as_py()), json.loads(text)
    if form.startswith("tink"):
        # Its plaintext is text: numbers come back as such.
        assert _texts(found) == _texts(wanted)
    else:
        assert found == wanted


def _texts(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _texts(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_texts(value) for value in document]
    return str(document).lower() if isinstance(document, (bool, int)) else document


def test_each_element_of_an_array_is_a_field() -> None:
    text = json.dumps({"cards": [{"no": "1"}, {"other": 1}, {"no": None}, 7, {"no": "2"}]})
    sealed, _ = cipher("t.c.cards[*].no", Action.ENCRYPT).changed([text])
    found = json.loads(sealed[0].as_py())["cards"]
    assert [keys_of("platform").decrypt(found[n]["no"], b"") for n in (0, 4)] == ["1", "2"]
    assert found[1:4] == [{"other": 1}, {"no": None}, 7]


@pytest.mark.parametrize(
    ("rule", "text", "why"),
    [
        ("t.c.a", "{", "is no JSON"),
        ("t.c.a", json.dumps({"a": "x"}), "this form"),
        ("t.c.a", json.dumps({"a": 7}), "a int, and encrypted fields are texts"),
        ("t.c.a[*]", json.dumps({"a": [field("x"), "y"]}), "this form"),
    ],
    # A field is another text each time, and processes that share the tests compare their names.
    ids=["no JSON", "no field", "a number", "the second one"],
)
def test_a_json_whose_field_does_not_decrypt_is_refused(rule: str, text: str, why: str) -> None:
    found, refused = cipher(rule).changed([text, None])
    assert found.to_pylist() == [None, None]
    assert why in refused[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", list(Action))
def test_an_object_is_no_field(form: str, action: Action) -> None:
    found, refused = cipher("t.c.a", action, form).changed([json.dumps({"a": {"b": "x"}})])
    assert found.to_pylist() == [None]
    assert "name the fields in it" in refused[0]


@pytest.mark.parametrize("text", [json.dumps({"b": 1}), json.dumps([1]), json.dumps({"a": [1]})])
def test_a_json_without_the_field_is_passed_over(text: str) -> None:
    found, refused = cipher("t.c.a.b").changed([text])
    assert json.loads(found[0].as_py()) == json.loads(text)
    assert not refused
