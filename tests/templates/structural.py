"""Schemas of custom resources as JSON schemas that refuse what an API server drops or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_EMBEDDED = "x-kubernetes-embedded-resource"
_OF_EVERY_OBJECT = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


def closed(schema: Mapping[str, Any], *, root: bool = False) -> dict[str, Any]:
    """The JSON schema (draft 4) of a structural schema.

    An API server drops the fields that an object's schema does not have, unless it says that they
    are preserved; here they are errors. What has a default need not be given. The branches of
    anyOf, allOf, oneOf and not say more of values, and never which fields there are: they stay.

    Args:
        root: the schema is of a whole document.
    """
    said = ("default", "format")
    made = {
        key: value
        for key, value in schema.items()
        if key not in said and not key.startswith("x-kubernetes-")
    }
    nullable = made.pop("nullable", False)
    if schema.get(_INT_OR_STRING) and "anyOf" not in made and "allOf" not in made:
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "items" in made:
        made["items"] = closed(made["items"])
    properties = made.get("properties", {})
    if "required" in made:
        required = [
            name for name in made.pop("required") if "default" not in properties.get(name, {})
        ]
        # Draft 4 knows no empty list here.
        if required:
            made["required"] = required
    if made.get("type") == "object":
        inner = {name: closed(one) for name, one in properties.items()}
        if root or schema.get(_EMBEDDED):
            # An API server knows these by itself.
            inner = {**_OF_EVERY_OBJECT, **inner, "metadata": _OF_EVERY_OBJECT["metadata"]}
        made["properties"] = inner
        more = made.get("additionalProperties", bool(schema.get(_PRESERVE)))
        made["additionalProperties"] = closed(more) if isinstance(more, Mapping) else more
    return {"anyOf": [made, {"type": "null"}]} if nullable else made
