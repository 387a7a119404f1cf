"""The real registry: what is filed there is found, refused and resolved as with the stand-in."""

import json
import uuid
from typing import Any

import fastavro
import httpx
import pyarrow as pa
import pytest

from pipeline_io.schema_registry import RegistryError, SchemaRegistry, UnknownSchema
from tests.io.registry_server import CONTENT_TYPE
from transforms.avro import choose_decoder, decode


@pytest.fixture
def subject() -> str:
    """A subject that nobody else uses: the registry outlives the test."""
    return f"a b/{uuid.uuid4().hex}-value"


def record(name: str, /, **fields: object) -> str:
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "bank", "fields": listed})


def send(url: str, method: str, path: str, body: dict[str, Any]) -> Any:
    answer = httpx.request(
        method, f"{url}{path}", json=body, headers={"Content-Type": CONTENT_TYPE}
    )
    answer.raise_for_status()
    return answer.json()


def test_the_registry_passes_the_check(registry: Any) -> None:
    SchemaRegistry.from_text(registry.url).check()


def test_a_schema_that_is_registered_is_found_by_its_id(registry: Any, subject: str) -> None:
    schema = record("T", name="string")
    found = SchemaRegistry((registry.url,))

    schema_id = found.register(subject, schema)
    found.close()

    assert found.register(subject, schema) == schema_id
    assert json.loads(found.schema(schema_id)) == json.loads(schema)


@pytest.mark.parametrize("schema_id", [2**31 - 1, 2**32 - 1])
def test_an_unknown_id_is_a_lookup_error(registry: Any, schema_id: int) -> None:
    with pytest.raises(UnknownSchema):
        SchemaRegistry((registry.url,), unknown_id_tries=1).schema(schema_id)


def test_references_are_resolved(registry: Any, subject: str) -> None:
    found = SchemaRegistry((registry.url,), normalize=True)
    found.register(f"money-{subject}", record("Money", cents="long"))
    body = {
        "schema": record("T", fee="Money", total="bank.Money"),
        "references": [{"name": "bank.Money", "subject": f"money-{subject}", "version": 1}],
    }
    path = f"/subjects/{subject.replace(' ', '%20').replace('/', '%2F')}/versions"
    schema_id = send(registry.url, "POST", path, body)["id"]

    schema = json.loads(found.schema(schema_id))

    assert schema["fields"][0]["type"]["fields"] == [{"name": "cents", "type": "long"}]
    assert schema["fields"][1]["type"] == "bank.Money"
    fastavro.parse_schema(schema)


def test_an_incompatible_schema_shows_the_reason(registry: Any) -> None:
    subject = f"{uuid.uuid4().hex}-value"
    found = SchemaRegistry((registry.url,))
    found.register(subject, record("T", a="long"))
    send(registry.url, "PUT", f"/config/{subject}", {"compatibility": "BACKWARD"})

    with pytest.raises(
        RegistryError, match=f"incompatible with the latest one of .*'{subject}'"
    ) as e:
        found.register(subject, record("T", a="string"))

    assert "STRING not compatible with writer type: LONG" in str(e.value)


def test_an_invalid_schema_is_refused_with_what_the_registry_says(
    registry: Any, subject: str
) -> None:
    with pytest.raises(RegistryError, match=r"does not register .* HTTP 422, \w+"):
        SchemaRegistry((registry.url,)).register(subject, '{"type": "record"}')


def test_records_are_decoded_and_one_of_an_unknown_id_fails_alone(registry: Any) -> None:
    found = SchemaRegistry((registry.url,), unknown_id_tries=1)
    schema_id = found.register(f"{uuid.uuid4().hex}-value", record("T", a="long"))
    values = [b"\0" + number.to_bytes(4, "big") + b"\x54" for number in (schema_id, 2**31 - 1)]

    decoded = decode(pa.array(values, pa.binary()), found, choose_decoder("fastavro"))

    (group,) = decoded.groups
    assert group.rows.to_pylist() == [{"a": 42}]
    (failure,) = decoded.failures
    assert (failure.position, failure.error_class) == (1, "UnknownSchemaId")
    assert registry.url in failure.message


def test_a_schema_of_json_is_told_from_avro(registry: Any) -> None:
    schema = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'
    body = {"schemaType": "JSON", "schema": schema}
    answer = send(registry.url, "POST", f"/subjects/{uuid.uuid4().hex}/versions", body)

    with pytest.raises(UnknownSchema, match="is a JSON schema, expected AVRO"):
        SchemaRegistry((registry.url,)).schema(answer["id"])


def test_an_address_without_the_path_of_the_api_fails_the_check_with_the_path(
    registry: Any,
) -> None:
    url = httpx.URL(registry.url).copy_with(path="/")

    with pytest.raises(RegistryError, match="Apicurio: /apis/ccompat/v7"):
        SchemaRegistry((str(url),)).check()
