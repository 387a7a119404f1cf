"""The requests of a schema registry's Confluent API, and what their answers say."""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from pipeline_io.schema_registry_errors import REASON_CHARACTERS, shown

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"

# 404 of a path that is no path of the API: the address is wrong. What is not there has a code of
# five digits (40401 subject, 40402 version, 40403 schema).
_LOWEST_OWN_CODE = 40400


class Request(NamedTuple):
    """One call: `path` is behind the registry's address, `what` names it in messages."""

    method: str
    path: str
    what: str
    parameters: Mapping[str, str] = {}
    body: Mapping[str, str] | None = None


class Answer(NamedTuple):
    """What a replica answered: the parsed JSON."""

    url: str
    status: int
    body: object


class Reference(NamedTuple):
    """The version of a subject that defines types which a schema uses."""

    subject: str
    version: int


class RegisteredSchema(NamedTuple):
    """A schema as it is filed: its text may use types that its references define."""

    schema_type: str
    text: str
    references: tuple[Reference, ...]


def schema_request(schema_id: int) -> Request:
    return Request("GET", f"/schemas/ids/{schema_id}", f"schema id {schema_id}")


def version_request(reference: Reference) -> Request:
    subject, version = reference
    # A schema that was deleted softly still decodes the records that were written with it.
    return Request(
        "GET",
        f"/subjects/{quote(subject, safe='')}/versions/{version}",
        f"version {version} of subject {subject!r}",
        {"deleted": "true"},
    )


def register_request(subject: str, schema: str, normalize: bool) -> Request:
    return Request(
        "POST",
        f"/subjects/{quote(subject, safe='')}/versions",
        f"to register a schema of subject {subject!r}",
        {"normalize": "true"} if normalize else {},
        {"schema": schema},
    )


def compatibility_request(subject: str, schema: str) -> Request:
    return Request(
        "POST",
        f"/compatibility/subjects/{quote(subject, safe='')}/versions/latest",
        f"why subject {subject!r} refuses a schema",
        {"verbose": "true"},
        {"schema": schema},
    )


# Small, and like the rest behind the login. Registries of before 2020 have only the subjects.
TYPES_REQUEST = Request("GET", "/schemas/types", "the types of schemas")
SUBJECTS_REQUEST = Request("GET", "/subjects", "the subjects")


def parse_schema_answer(body: object) -> RegisteredSchema | None:
    """The schema of an answer by id or by version; None if the answer has none."""
    if not isinstance(body, dict) or not isinstance(body.get("schema"), str):
        return None
    listed = body.get("references") or []
    if not isinstance(listed, list):
        return None
    references = []
    for item in listed:
        named = item if isinstance(item, dict) else {}
        subject, version = named.get("subject"), named.get("version")
        if not isinstance(subject, str) or not isinstance(version, int):
            return None
        references.append(Reference(subject, version))
    kind = body.get("schemaType") or "AVRO"
    return RegisteredSchema(str(kind), body["schema"], tuple(references))


def parse_id_answer(body: object) -> int | None:
    """The id of an answer to a registration; None if the answer has none."""
    found = body.get("id") if isinstance(body, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def is_own_error(status: int, body: object) -> bool:
    """True for an error of the registry itself, not of a server on the way to it."""
    if not isinstance(body, dict):
        return False
    if status == 404:
        code, google = body.get("error_code"), body.get("error")
        of_google = isinstance(google, dict) and google.get("status") == "NOT_FOUND"
        return of_google or (isinstance(code, int) and code >= _LOWEST_OWN_CODE)
    return isinstance(body.get("message"), str) or isinstance(body.get("error"), dict)


def reason(body: object) -> str:
    """Why the registry refuses a request, in its own words."""
    if isinstance(body, dict):
        google = body.get("error")
        told = google.get("message") if isinstance(google, dict) else body.get("message")
        reasons = body.get("messages")
        if isinstance(reasons, list) and reasons:
            told = "; ".join(str(item) for item in reasons)
        if told:
            return shown(str(told), REASON_CHARACTERS)
    return ""


def retry_after_seconds(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for; None if it says none that make sense."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        until = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (until - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
