"""Flags of the pipelines that decrypt or encrypt fields on their way, and their checks."""

from __future__ import annotations

from typing import Any

from pipeline_io.keysets import KeysReference
from pipelines.options import FlagError
from pipelines.warehouse_flags import add_once
from transforms.encryption import PLACE
from transforms.encryption_ring import KeySource, ring_of
from transforms.encryption_rules import Action, FieldRule, FieldRules, check_rules, parse_rules

_FIELDS = "as TABLE.COLUMN with commas between; may be repeated."
_TEXTS = {
    "--decrypt": f"Encrypted fields that the warehouse gets as their values, {_FIELDS}",
    "--encrypt": f"Fields that the warehouse gets encrypted, {_FIELDS}",
    "--keys": "Where the keys of these fields are: file://PATH, env://NAME or secret://...",
    "--keys_kms": "The key in Cloud KMS that has wrapped the keys: gcp-kms://projects/P/locations/"
    "L/keyRings/R/cryptoKeys/K. Default: they are not wrapped.",
    "--associated_data": "Tink's associated data, with {table} and {path}. "
    f"Default: {PLACE}, such as items.card_number.",
}
_REPEATED = ("--decrypt", "--encrypt")


def add_encryption_flags(parser: Any) -> None:
    """Adds the flags to a pipeline's parser, once."""
    for flag, text in _TEXTS.items():
        settings: dict[str, Any] = {"action": "append"} if flag in _REPEATED else {}
        # argparse takes % for the begin of a name.
        add_once(parser, flag, help=text.replace("%", "%%"), **settings)


def check_keys(source: KeySource | None) -> None:
    """Reads the keys that a script names, to tell in time that they cannot be. Raises FlagError."""
    if source is None:
        return
    try:
        ring_of(source).keys()
    except ValueError as error:
        message = f"SET 'encryption.keys': {error}"
        raise FlagError(message) from None


def fields_of(flags: Any) -> FieldRules | None:
    """The rules of the flags, None where there are none. The keys are read once, to tell in time
    that they cannot be. Raises FlagError."""
    rules: list[FieldRule] = []
    for action in Action:
        given = getattr(flags, action.value) or ()
        try:
            rules += parse_rules(action, given)
        except ValueError as error:
            message = f"--{action.value}={error}"
            raise FlagError(message) from error
    if not rules:
        for name in ("keys", "keys_kms", "associated_data"):
            if getattr(flags, name) is not None:
                message = f"--{name} is of --decrypt and --encrypt, and neither is given"
                raise FlagError(message)
        return None
    if flags.keys is None:
        message = f"--{rules[0].action.value} needs --keys: file://PATH, env://NAME or secret://..."
        raise FlagError(message)
    try:
        check_rules(rules)
        source = KeysReference(flags.keys, flags.keys_kms)
        ring_of(source).keys()
    except ValueError as error:
        # Its cause may know more than who reads the console is to know.
        message = str(error)
        raise FlagError(message) from None
    place = PLACE if flags.associated_data is None else flags.associated_data
    return FieldRules(tuple(rules), source, place)
