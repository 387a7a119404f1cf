"""Checks of flags that pipelines of changes share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.secrets import SCHEMES
from pipelines.options import FlagError, JobOptions
from pipelines.warehouse_flags import SOURCE_NAME, add_once


def required(value: str | None, flag: str, what: str) -> str:
    """The flag's value. Raises FlagError where it is not given."""
    if not value:
        message = f"--{flag} is missing: {what}"
        raise FlagError(message)
    return value


def check_source_name(name: str) -> str:
    """The name. Raises FlagError where no dataset can be called so."""
    if not SOURCE_NAME.fullmatch(name):
        message = (
            f"--source_name={name}: expected letters, digits and _, and no digit first: it is "
            "the name of a dataset"
        )
        raise FlagError(message)
    return name


def required_source_name(given: str | None) -> str:
    """The name. Raises FlagError where it is not given, or is no dataset's."""
    what = "the source's name, such as --source_name=shop"
    return check_source_name(required(given, "source_name", what))


def add_kafka_property(parser: Any) -> None:
    """Adds --kafka_property."""
    add_once(
        parser,
        "--kafka_property",
        action="append",
        metavar="NAME=VALUE",
        help="A property of Kafka's clients, Java's name or librdkafka's; may be repeated. "
        f"A secret is a reference: {', '.join(SCHEMES)}.",
    )


def kafka_property(text: str) -> tuple[str, str]:
    """Name and value of a --kafka_property. Raises FlagError."""
    return named_value("kafka_property", text)


def named_value(flag: str, text: str) -> tuple[str, str]:
    """Name and value of a flag that is given as NAME=VALUE. Raises FlagError."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        message = f"--{flag}={text}: expected NAME=VALUE"
        raise FlagError(message)
    return name.strip(), value


def check_foreign(
    options: PipelineOptions,
    foreign: Iterable[str],
    does: str,
    instead: Mapping[str, str] | None = None,
) -> None:
    """Raises FlagError for a flag of other jobs that was given.

    Args:
        does: what this job does: `polls tables`.
        instead: by the flag's name, what is to be given here.
    """
    flags = options.view_as(JobOptions)
    defaults = PipelineOptions([]).view_as(JobOptions).get_all_options()
    for name in foreign:
        if getattr(flags, name) != defaults[name]:
            hint = f"; {instead[name]}" if instead and name in instead else ""
            message = f"--{name} is of other jobs, and this one {does}; leave it out{hint}"
            raise FlagError(message)
