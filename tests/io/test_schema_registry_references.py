"""Schemas that use types of other schemas become one schema that stands alone."""

import io
import json
from collections.abc import Iterator
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from fastavro.schema import fullname
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.schema_registry_references import inline_references
from transforms.avro_schema import parse_schema


def record(name: str, *types: object, **rest: object) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    return {"type": "record", "name": name, **rest, "fields": fields}


def inlined(schema: object, *referenced: object) -> Any:
    return json.loads(inline_references(json.dumps(schema), map(json.dumps, referenced)))


MONEY = record("Money", "long", namespace="bank")


def test_a_type_is_defined_where_it_is_first_used_and_named_afterwards() -> None:
    found = inlined(record("T", "bank.Money", ["null", "bank.Money"], namespace="x"), MONEY)

    assert found == record("T", MONEY, ["null", "bank.Money"], namespace="x")


def test_a_short_name_means_the_type_of_the_own_namespace_before_that_of_none() -> None:
    bare = record("Money", "string")
    schema = record("bank.T", "Money")

    assert inlined(schema, bare, MONEY)["fields"][0]["type"] == MONEY
    assert inlined(schema, bare)["fields"][0]["type"] == {**bare, "namespace": ""}


def test_a_type_keeps_its_namespace_among_other_names() -> None:
    card = record("Card", {"type": "enum", "name": "Kind", "symbols": ["A"]})
    found = inlined(record("bank.T", "Card", "Kind"), card)

    assert found["fields"][0]["type"] == {**card, "namespace": ""}
    # As Java's, the decoders' parser finds a short name that the namespace does not have.
    assert parse_schema(json.dumps(found)).arrow.types[1] == pa.string()


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda used: {"type": "array", "items": used},
        lambda used: {"type": "map", "values": used},
        lambda used: {"type": "array", "items": ["null", {"type": "map", "values": used}]},
        lambda used: {"type": used},
        lambda used: ["null", used],
        lambda used: record("Inner", used),
    ],
)
def test_a_type_is_found_at_every_place_of_a_schema(wrapped: Any) -> None:
    assert inlined(record("T", wrapped("bank.Money")), MONEY) == record("T", wrapped(MONEY))
    assert inlined(wrapped("bank.Money"), MONEY) == wrapped(MONEY)


def test_a_schema_that_is_only_a_name_becomes_that_type() -> None:
    assert inlined("bank.Money", MONEY) == MONEY


def test_a_type_inside_a_referenced_type_can_be_used_before_it() -> None:
    amount = record("Amount", {"type": "fixed", "name": "Cents", "size": 8}, namespace="bank")
    found = inlined(record("T", "bank.Cents", "bank.Amount"), amount)

    cents = {"type": "fixed", "name": "Cents", "namespace": "bank", "size": 8}
    assert found == record("T", cents, record("Amount", "bank.Cents", namespace="bank"))


def test_a_type_that_refers_to_itself_is_defined_once() -> None:
    node = record("Node", ["null", "Node"], namespace="tree")

    found = inlined(record("T", "tree.Node"), node)

    assert found == record("T", record("Node", ["null", "tree.Node"], namespace="tree"))


def test_what_is_no_type_stays_as_it_is() -> None:
    schema = record("T", "long", "nobody.Knows", {"type": "long", "logicalType": "bank.Money"})
    schema["doc"] = "bank.Money"
    schema["fields"][0]["default"] = "bank.Money"

    assert inlined(schema, MONEY) == schema


def test_a_field_may_be_called_as_a_type_and_a_type_as_a_kind() -> None:
    schema = {"type": "record", "name": "record", "fields": [{"name": "items", "type": "string"}]}

    assert inlined(schema, MONEY) == schema


@pytest.mark.parametrize("part", [None, 5, "x", [5], {"type": [], "fields": {}}, {"type": {}}])
def test_what_is_no_schema_stays_as_it_is(part: object) -> None:
    schema = {"type": "record", "name": 5, "fields": part, "items": part}

    assert inlined([schema, part], schema, part) == [schema, part]


@st.composite
def named_types(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Files of one named type each, which use those before them, and a schema that uses some."""
    files: list[dict[str, Any]] = []
    names: list[str] = []
    for number in range(draw(st.integers(1, 5))):
        used = draw(st.lists(st.sampled_from([*names, "long", "string"]), max_size=4))
        space = draw(st.sampled_from(["a", "a.b", "c"]))
        files.append(record(f"R{number}", *used, namespace=space))
        names.append(f"{space}.R{number}")
    top = record("Top", *draw(st.lists(st.sampled_from(names), min_size=1, max_size=5)))
    return files, top


@given(named_types(), st.randoms(use_true_random=False))
def test_one_schema_writes_the_bytes_that_the_files_write_together(
    drawn: tuple[list[dict[str, Any]], dict[str, Any]], random: Any
) -> None:
    files, top = drawn
    named: dict[str, Any] = {}
    for file in files:
        fastavro.parse_schema(file, named_schemas=named)
    together = fastavro.parse_schema(top, named_schemas=named)

    def value(name: str) -> dict[str, Any]:
        return {field["name"]: drawn_value(field["type"]) for field in by_name[name]["fields"]}

    def drawn_value(kind: str) -> object:
        if kind in ("long", "string"):
            return random.randint(-99, 99) if kind == "long" else "x" * random.randint(0, 3)
        return value(kind)

    by_name = {f"{file['namespace']}.{file['name']}": file for file in files} | {"Top": top}
    datum = value("Top")
    shuffled = random.sample(files, len(files))

    alone = inlined(top, *shuffled)

    definitions = list(defined_names(alone))
    assert len(definitions) == len(set(definitions))
    assert written(fastavro.parse_schema(alone), datum) == written(together, datum)


def defined_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict) and schema.get("type") == "record":
        yield fullname(schema)
        for field in schema["fields"]:
            yield from defined_names(field["type"])


def written(schema: Any, datum: object) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, datum)
    return buffer.getvalue()
