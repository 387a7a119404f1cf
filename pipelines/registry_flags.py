"""--registry_property: how a schema registry is asked, by the names that a script's tables have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline_io.secrets import SCHEMES, is_reference
from pipelines.kafka_tables import REGISTRY
from pipelines.options import FlagError
from pipelines.source_flags import named_value
from pipelines.warehouse_flags import add_once
from transforms.sql.connectors import OptionValue
from transforms.sql.connectors_kafka import REGISTRY_OPTIONS
from transforms.sql.errors import did_you_mean

FLAG = "registry_property"
_OPTIONS = {option.name.removeprefix(REGISTRY): option for option in REGISTRY_OPTIONS}


def add_registry_property(parser: Any) -> None:
    """Adds --registry_property."""
    add_once(
        parser,
        f"--{FLAG}",
        action="append",
        metavar="NAME=VALUE",
        help=f"How the schema registry is asked, by the names of {REGISTRY}* in a script: "
        "username, password, bearer-auth.token, google-token, ssl.truststore.location and others; "
        f"may be repeated. A secret is a reference: {', '.join(SCHEMES)}.",
    )


def registry_options(texts: Iterable[str]) -> dict[str, OptionValue]:
    """The options schema-registry.* of the flag's values. Raises FlagError."""
    return {f"{REGISTRY}{name}": value for name, value in map(_option, texts)}


def _option(text: str) -> tuple[str, OptionValue]:
    name, value = named_value(FLAG, text)
    if name == "url":
        message = f"--{FLAG}=url=...: it has a flag of its own, --schema_registry"
        raise FlagError(message)
    if name not in _OPTIONS:
        message = f"--{FLAG}={name}=...: no such property; {did_you_mean(name, _OPTIONS)}"
        raise FlagError(message)
    option = _OPTIONS[name]
    if option.secret and not is_reference(value):
        message = (
            f"--{FLAG}={name}=... is given as plain text, and is not shown; expected a reference: "
            f"{' or '.join(SCHEMES)}"
        )
        raise FlagError(message)
    try:
        return name, option.read(value)
    except ValueError as error:
        message = f"--{FLAG}={text}: {error}"
        raise FlagError(message) from error
