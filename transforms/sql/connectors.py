"""The connectors that a table's WITH clause may name, each with its options declared once.

Validation, `--explain` and the documentation come from these declarations; what opens files and
connections for them is wired in the pipelines.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from transforms.sql.errors import SqlError, SqlErrors, did_you_mean
from transforms.sql.statements import CreateTable, TableOption

OptionValue = str | int | float | bool

SECRET_SCHEMES = ("env://", "file://", "secret://")
"""How a secret option's value begins: a reference, read where it is used and never shown."""


class Role(enum.Enum):
    """What a job may do with a table."""

    SOURCE = "source"
    SINK = "sink"
    LOOKUP = "lookup"


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        message = "expected 'true' or 'false'"
        raise ValueError(message)
    return value.lower() == "true"


def positive_integer(value: str) -> int:
    if not value.isdecimal() or int(value) == 0:
        message = "expected a whole number above 0"
        raise ValueError(message)
    return int(value)


def whole_number(value: str) -> int:
    if not value.isdecimal():
        message = "expected a whole number"
        raise ValueError(message)
    return int(value)


def positive_number(value: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", value) or float(value) == 0:
        message = "expected a number above 0"
        raise ValueError(message)
    return float(value)


_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def duration(value: str) -> float:
    """Seconds of a duration such as '500 ms', '60s', '10 min', '1h', '2 d'."""
    match = re.fullmatch(r"(\d+)\s*([a-z]+)", value.strip().lower())
    if match is None or match[2] not in _SECONDS:
        message = "expected a duration such as '500 ms', '60s', '10 min', '1h' or '2 d'"
        raise ValueError(message)
    return int(match[1]) * _SECONDS[match[2]]


@dataclasses.dataclass(frozen=True)
class Option:
    """One option: its name, how its text is read (ValueError says what was expected), its help.

    choices: the values allowed, where there are only some. secret: never shown, and given as a
    reference (`env://NAME`, `file://PATH`, `secret://...`).
    """

    name: str
    help: str
    read: Callable[[str], OptionValue] = text
    default: OptionValue | None = None
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Connector:
    """A technology that a table may stand for."""

    name: str
    help: str
    roles: frozenset[Role]
    options: tuple[Option, ...]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    """Options that begin so are taken as they are: they belong to a client library."""
    messages: bool = False
    """Whether a sink takes messages, which it may refuse one by one, and not lines."""
    typed: bool = False
    """Whether a sink takes its columns as they are, and no encoded rows."""
    wants: Callable[[Mapping[str, OptionValue]], tuple[str, ...]] | None = None
    """By its options, what a sink asks of change events: some of event_id, order_key, table, op;
    None for what 'sink.headers' or 'sink.attributes' say."""

    def read_options(self, table: CreateTable) -> dict[str, OptionValue]:
        """The options of a table by name, checked, defaults filled in.

        Raises SqlErrors, each at its option.
        """
        declared = {option.name: option for option in self.options}
        values: dict[str, OptionValue] = {}
        given: set[str] = set()
        errors: list[SqlError] = []
        for node in table.args["options"]:
            name = self.aliases.get(node.this.name, node.this.name)
            if name in given:
                message = f"the option {name!r} is given twice; keep one"
                errors.append(SqlError(message, node.this))
            elif name not in declared and name.startswith(self.prefixes):
                values[name] = node.expression.name
            elif name != "connector" and name not in declared:
                message = (
                    f"the connector {self.name!r} has no option {name!r}; "
                    f"{did_you_mean(name, [*declared, *self.aliases])}"
                )
                errors.append(SqlError(message, node.this))
            elif name != "connector":
                try:
                    values[name] = _read(declared[name], node)
                except SqlError as error:
                    errors.append(error)
            given.add(name)
        for option in self.options:
            if option.required and option.name not in given:
                message = (
                    f"the table {table.this.name!r} needs the option '{option.name}' of the "
                    f"connector {self.name!r}: {option.help}"
                )
                errors.append(SqlError(message, table.this))
            if option.default is not None:
                values.setdefault(option.name, option.default)
        if errors:
            raise SqlErrors(errors)
        return values


def _read(option: Option, node: TableOption) -> OptionValue:
    written = node.expression.name
    if option.secret and not written.startswith(SECRET_SCHEMES):
        message = (
            f"'{option.name}' is given as plain text; give a reference: env://NAME, file://PATH or "
            "secret://projects/P/secrets/S/versions/V"
        )
        raise SqlError(message, node.expression, hidden=True)
    if option.choices and written not in option.choices:
        message = (
            f"'{option.name}' = {written!r} is not supported; "
            f"expected {' or '.join(repr(choice) for choice in option.choices)}"
        )
        raise SqlError(message, node.expression)
    try:
        return option.read(written)
    except ValueError as error:
        shown = "the value" if option.secret else repr(written)
        message = f"'{option.name}': {shown} does not fit: {error}"
        raise SqlError(message, node.expression, hidden=option.secret) from error


def option_node(table: CreateTable, name: str) -> exp.Expr:
    """The node of an option's value, for an error about it; the table's name if it isn't given."""
    for node in table.args["options"]:
        if node.this.name == name:
            value: exp.Expr = node.expression
            return value
    place: exp.Expr = table.this
    return place


SOURCE_FORMATS = ("debezium-avro-confluent", "avro-confluent")
JSON_OPTIONS = (
    Option(
        "json.timestamp-format.standard",
        "how timestamps are written: 2026-01-31 12:00:00.5 (SQL) or with a T (ISO-8601)",
        default="SQL",
        choices=("SQL", "ISO-8601"),
    ),
    Option(
        "json.encode.ignore-null-fields",
        "leave out fields that are NULL",
        read=boolean,
        default=False,
    ),
    Option(
        "json.encode.decimal-as-plain-number",
        "taken for scripts that set it: a DECIMAL never has an exponent here",
        read=boolean,
        default=True,
    ),
    Option(
        "json.decimal-as-string",
        "write a DECIMAL as a string, for readers whose numbers are floats",
        read=boolean,
        default=False,
    ),
)
