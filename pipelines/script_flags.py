"""Flags of a job's servers that become options of the tables in its script.

The script says where: `${KAFKA_PROPERTIES:-}` among the options of a table stands for all of
--kafka_property, each with a comma before it, and for nothing where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.secrets import SCHEMES, is_reference
from pipelines.options import FlagError, JobConfig
from pipelines.source_flags import add_kafka_property, named_value
from pipelines.warehouse_flags import add_once

_TABLES = {"kafka_property": "properties.", "registry_property": "schema-registry."}
_OWN_FLAGS = {
    "bootstrap.servers": "kafka_brokers",
    "group.id": "kafka_group",
    "auto.offset.reset": "kafka_start",
    "url": "schema_registry",
}


def add_kafka_flags(parser: Any) -> None:
    """--kafka_property and --registry_property."""
    add_kafka_property(parser)
    add_once(
        parser,
        "--registry_property",
        action="append",
        metavar="NAME=VALUE",
        help="How the schema registry is asked, by the names of schema-registry.* in a script: "
        "username, password, bearer-auth.token, google-token, ssl.truststore.location and others; "
        "may be repeated. A secret is a reference.",
    )


def add_lookup_flags(parser: Any) -> None:
    """--lookup_user and --lookup_password."""
    add_once(parser, "--lookup_user", help="The user for the database of --lookup_url.")
    add_once(
        parser,
        "--lookup_password",
        help=f"Reference to that user's password: {', '.join(SCHEMES)}.",
    )


def kafka_values(options: PipelineOptions, config: JobConfig) -> dict[str, str]:
    """${KAFKA_PROPERTIES} and ${REGISTRY_PROPERTIES} of a script. Raises FlagError."""
    found = {}
    everything = options.get_all_options()
    for flag, prefix in _TABLES.items():
        given: Sequence[str] = everything[flag] or ()
        pairs = [named_value(flag, text) for text in given]
        if pairs and config.recording is not None:
            message = f"--{flag} is of --kafka_brokers, and a recording is read; leave it out"
            raise FlagError(message)
        for name, _ in pairs:
            if name in _OWN_FLAGS:
                message = f"--{flag}={name}=...: it has a flag of its own, --{_OWN_FLAGS[name]}"
                raise FlagError(message)
        name = "KAFKA_PROPERTIES" if flag == "kafka_property" else "REGISTRY_PROPERTIES"
        found[name] = options_text({f"{prefix}{name}": value for name, value in pairs})
    return found


def lookup_values(options: PipelineOptions) -> dict[str, str]:
    """${LOOKUP_LOGIN} of a script. Raises FlagError."""
    everything: Mapping[str, str | None] = options.get_all_options()
    login = {"username": everything["lookup_user"], "password": everything["lookup_password"]}
    given = {name: value for name, value in login.items() if value is not None}
    if given and everything["lookup_url"] is None:
        message = "--lookup_user and --lookup_password are of --lookup_url, which is missing"
        raise FlagError(message)
    if "password" in given and not is_reference(given["password"]):
        message = (
            "--lookup_password is given as plain text, and is not shown; expected a reference: "
            f"{' or '.join(SCHEMES)}"
        )
        raise FlagError(message)
    return {"LOOKUP_LOGIN": options_text(given)}


def options_text(options: Mapping[str, str]) -> str:
    """Options of a table as SQL, each with a comma before it."""
    return "".join(f", {_text(name)} = {_text(value)}" for name, value in options.items())


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
