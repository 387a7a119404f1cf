"""Flags of a job's servers that become options of the tables in its script.

The script says where: `${KAFKA_PROPERTIES:-}` among the options of a table stands for all of
--kafka_property, each with a comma before it, and for nothing where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.secrets import SCHEMES, is_reference
from pipelines.kafka_tables import PREFIX, REGISTRY
from pipelines.options import FlagError, JobConfig
from pipelines.registry_flags import FLAG as REGISTRY_FLAG
from pipelines.registry_flags import add_registry_property, registry_options
from pipelines.source_flags import add_kafka_property, kafka_property, named_value
from pipelines.warehouse_flags import add_once

_OWN_FLAGS = {
    "bootstrap.servers": "kafka_brokers",
    "group.id": "kafka_group",
    "auto.offset.reset": "kafka_start",
}


def add_kafka_flags(parser: Any) -> None:
    """--kafka_property and --registry_property."""
    add_kafka_property(parser)
    add_registry_property(parser)


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
    everything = options.get_all_options()
    given = {flag: list(everything[flag] or ()) for flag in ("kafka_property", REGISTRY_FLAG)}
    for flag, texts in given.items():
        if texts and config.recording is not None:
            message = f"--{flag} is of --kafka_brokers, and a recording is read; leave it out"
            raise FlagError(message)
    kafka = [kafka_property(text) for text in given["kafka_property"]]
    for name, _ in kafka:
        if name in _OWN_FLAGS:
            message = f"--kafka_property={name}=...: it has a flag of its own, --{_OWN_FLAGS[name]}"
            raise FlagError(message)
    # As they are written: the table reads them.
    registry_options(given[REGISTRY_FLAG])
    registry = [named_value(REGISTRY_FLAG, text) for text in given[REGISTRY_FLAG]]
    return {
        "KAFKA_PROPERTIES": options_text({f"{PREFIX}{name}": value for name, value in kafka}),
        "REGISTRY_PROPERTIES": options_text(
            {f"{REGISTRY}{name}": value for name, value in registry}
        ),
    }


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
