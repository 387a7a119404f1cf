"""The options of the `json` format of a sink."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from transforms.sql.errors import SqlError, did_you_mean

TIMESTAMP_FORMAT = "json.timestamp-format.standard"
IGNORE_NULL_FIELDS = "json.encode.ignore-null-fields"
DECIMAL_AS_PLAIN_NUMBER = "json.encode.decimal-as-plain-number"
DECIMAL_AS_STRING = "json.decimal-as-string"

TIMESTAMP_FORMATS = ("SQL", "ISO-8601")

_FLAGS = {
    IGNORE_NULL_FIELDS: "ignore_null_fields",
    DECIMAL_AS_PLAIN_NUMBER: "decimal_as_plain_number",
    DECIMAL_AS_STRING: "decimal_as_string",
}


@dataclasses.dataclass(frozen=True)
class JsonOptions:
    """How rows are written as JSON. The names and defaults are Flink's, but for
    `decimal_as_string`, which is ours.

    Raises:
        SqlError: a value that is none of the allowed ones.
    """

    timestamp_format: str = "SQL"
    """'SQL': '2026-01-31 23:59:59.123'; 'ISO-8601': with a T."""
    ignore_null_fields: bool = False
    """Leaves out the members of objects that are NULL; map values and elements stay."""
    decimal_as_plain_number: bool = False
    """Taken for the scripts that set it: decimals are never written with an exponent here."""
    decimal_as_string: bool = False
    """A DECIMAL as "759.50", for readers that take every JSON number for a float."""

    def __post_init__(self) -> None:
        if self.timestamp_format not in TIMESTAMP_FORMATS:
            message = (
                f"{TIMESTAMP_FORMAT!r} is {self.timestamp_format!r}, "
                f"expected one of {', '.join(map(repr, TIMESTAMP_FORMATS))}"
            )
            raise SqlError(message)
        for name, field in _FLAGS.items():
            value = getattr(self, field)
            if not isinstance(value, bool):
                message = f"{name!r} is {value!r}, expected True or False"
                raise SqlError(message)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> JsonOptions:
        """The options among a table's WITH options whose name starts with 'json.'.

        Raises:
            SqlError: an unknown name or value.
        """
        timestamp_format = options.get(TIMESTAMP_FORMAT, TIMESTAMP_FORMATS[0])
        flags: dict[str, bool] = {}
        for name, value in options.items():
            if not name.startswith("json.") or name == TIMESTAMP_FORMAT:
                continue
            if name in _FLAGS:
                flags[_FLAGS[name]] = _flag(name, value)
            else:
                known = did_you_mean(name, (TIMESTAMP_FORMAT, *_FLAGS))
                message = f"{name!r} is no option of the json format: {known}"
                raise SqlError(message)
        return cls(timestamp_format, **flags)


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        message = f"{name!r} is {value!r}, expected 'true' or 'false'"
        raise SqlError(message)
    return value.lower() == "true"
