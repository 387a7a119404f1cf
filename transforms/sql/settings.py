"""What a script SETs: the settings that there are, and their checks."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from sqlglot import exp

from transforms.encryption_ring import KeySource
from transforms.sql.connectors import SECRET_SCHEMES
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.statements import SetOption
from transforms.sql.time_zones import check_time_zone

KEYS, KMS_KEY = "encryption.keys", "encryption.kms-key"

SETTINGS = {
    "table.local-time-zone": "the time zone of TIMESTAMP_LTZ in casts and formats; default UTC",
    "encryption.keys": "a reference to the keys of DECRYPT and ENCRYPT",
    "encryption.kms-key": "the key in Cloud KMS that has wrapped the keys",
    "functions.module": "a Python module whose functions the script may call",
    "pipeline.name": "the job's name",
}

OpenKeys = Callable[[str, str | None], KeySource]
"""Makes a source of keys of a reference and, where they are wrapped, of the KMS key's name; the
pipeline hands in one that knows secrets. Raises ValueError."""


def set_option(
    settings: dict[str, str], node: SetOption, open_keys: OpenKeys | None = None
) -> None:
    """Adds the setting of a SET statement. SqlError for an unknown one, and for its value."""
    key = node.this.name
    if key not in SETTINGS:
        message = f"unknown setting {key!r}; {did_you_mean(key, SETTINGS)}"
        raise SqlError(message, node.this)
    value = node.expression.name
    if key == "table.local-time-zone":
        check_time_zone(value, node.expression)
    if key == "functions.module":
        try:
            importlib.import_module(value)
        except Exception as error:  # whatever the module does while it is imported
            message = (
                f"the module {value!r} cannot be imported: {type(error).__name__}: {error}; "
                "mend it, or put its folder on PYTHONPATH"
            )
            raise SqlError(message, node.expression) from error
    if key in (KEYS, KMS_KEY):
        _check_keys(key, value, node.expression, open_keys)
    settings[key] = value


def _check_keys(key: str, value: str, place: exp.Expr, open_keys: OpenKeys | None) -> None:
    if key == KEYS and not value.startswith(SECRET_SCHEMES):
        message = (
            f"{key} takes a reference and never the keys: env://NAME, file://PATH or "
            "secret://projects/P/secrets/S/versions/V"
        )
        raise SqlError(message, place, hidden=True)
    if open_keys is not None:
        try:
            open_keys(
                value if key == KEYS else SECRET_SCHEMES[0], value if key == KMS_KEY else None
            )
        except ValueError as error:
            raise SqlError(str(error), place) from error
