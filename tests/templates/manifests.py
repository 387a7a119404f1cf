"""Kubernetes objects: rendered by kustomize, and held against the schemas of their API.

`problems` knows the kinds of Kubernetes itself (kubernetes-validate) and the custom ones whose
definitions are in tests/data/crds. Rules in CEL are not evaluated, quantities are read.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from jsonschema import Draft4Validator, Draft202012Validator
from referencing import Registry, Resource

from tests.stack import kustomize
from tests.stack.part import Missing
from tests.templates.crds import FOLDER
from tests.templates.structural import closed

KUBERNETES = "1.33"
"""The oldest version that the manifests are for."""

Document = Mapping[str, Any]

_SCHEMAS = (
    Path(str(importlib.resources.files("kubernetes_validate")))
    / "kubernetes-json-schema"
    / f"v{KUBERNETES}.0-local-strict"
)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_QUANTITY = re.compile(r"\d+(\.\d+)?([munkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_MOST_PROBLEMS = 20
# In C where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def rendered(folder: Path) -> list[dict[str, Any]]:
    """The objects that kustomize makes of a folder; rendered once in a run.

    Skips the test where kustomize cannot be had, which fails it under CI=true. To be called by
    tests and fixtures, not while they are collected.
    """
    try:
        text = _built(folder)
    except Missing as error:
        unavailable("kustomize", error)
    return [document for document in yaml.load_all(text, Loader=_LOADER) if document]


def unavailable(what: str, error: Missing) -> NoReturn:
    """Ends the test: skipped with the reason, failed where CI is true."""
    reason = f"{what} cannot be used on this machine: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI runs every test, but {reason}", pytrace=False)
    pytest.skip(reason)


@functools.cache
def _built(folder: Path) -> str:
    return kustomize.build(folder)


def problems(document: Document) -> list[str]:
    """What an API server would refuse the document by, each as `Kind/name: path: what`.

    Fields that the kind does not have are problems too.
    """
    kind = document.get("kind")
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    where = f"{kind}/{name}"
    if not isinstance(kind, str) or not isinstance(document.get("apiVersion"), str):
        return [f"{where}: apiVersion and kind must be texts"]
    validator = _validator(str(document["apiVersion"]), kind)
    if validator is None:
        return [f"{where}: no such kind in {document['apiVersion']!r} of Kubernetes {KUBERNETES}"]
    found = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(dict(document))
    ]
    found += _of_metadata(document)
    found += _of_values(document, "")
    return [f"{where}: {problem}" for problem in found[:_MOST_PROBLEMS]]


@functools.cache
def _validator(api_version: str, kind: str) -> Any:
    """The validator of a kind; None for one that there is not."""
    group, _, version = api_version.rpartition("/")
    custom = FOLDER / f"{kind.lower()}.json"
    if custom.is_file():
        definition = json.loads(custom.read_text(encoding="utf-8"))
        if definition["group"] == group and version in definition["schemas"]:
            return Draft4Validator(closed(definition["schemas"][version], root=True))
    # The package names files by the first word of the group.
    words = [kind.lower(), *([group.partition(".")[0]] if group else []), version]
    path = _SCHEMAS / f"{'-'.join(words)}.json"
    if not path.is_file():
        return None
    schema = json.loads(path.read_text(encoding="utf-8"))
    if api_version not in schema["properties"]["apiVersion"].get("enum", [api_version]):
        return None
    if kind not in schema["properties"]["kind"].get("enum", [kind]):
        return None
    return Draft202012Validator(schema, registry=_definitions())


@functools.cache
def _definitions() -> Registry[Any]:
    text = (_SCHEMAS / "_definitions.json").read_text(encoding="utf-8")
    definitions = Resource.from_contents(json.loads(text))
    return definitions @ Registry()


def _of_metadata(document: Document) -> Iterator[str]:
    """What the schemas leave to the API server: names, and labels."""
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping):
        yield "metadata: is missing"
        return
    name = metadata.get("name")
    if not isinstance(name, str) or len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        yield f"metadata.name: {name!r} is no name in lower case"
    for key, value in (metadata.get("labels") or {}).items():
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            yield f"metadata.labels: {key}: {value!r} is no value of a label"
    for key, value in (metadata.get("annotations") or {}).items():
        if not isinstance(value, str):
            yield f"metadata.annotations: {key}: {value!r} is no text"


def _of_values(value: Any, path: str) -> Iterator[str]:
    """Values that nobody means, and quantities that are none."""
    if value is None:
        yield f"{path}: has no value"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            below = f"{path}.{key}" if path else str(key)
            if key in ("requests", "limits") and isinstance(inner, Mapping):
                for resource, amount in inner.items():
                    if not _QUANTITY.fullmatch(str(amount)):
                        yield f"{below}.{resource}: {amount!r} is no quantity"
            yield from _of_values(inner, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _of_values(inner, f"{path}.{index}")
