"""Which fields of which tables are decrypted or encrypted on their way."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Sequence

from transforms.encryption import PLACE, associated_data
from transforms.encryption_ring import KeySource

EACH = "[*]"
"""Stands behind a name in a path: each element of the array there."""

_RULE = re.compile(
    r"(?P<table>[^.:\s]+)\.(?P<path>[^.:\s]+(?:\.[^.:\s]+)*)(?::(?P<semantic>[\w.]+))?"
)


class Action(enum.Enum):
    """What is done to a field."""

    DECRYPT = "decrypt"
    ENCRYPT = "encrypt"


@dataclasses.dataclass(frozen=True)
class FieldRule:
    """One field.

    path: the column, and where the column has JSON, names in it. semantic: the type that the
    decrypted value has, in Debezium's or Connect's words; None where it is what it is.
    """

    action: Action
    table: str
    path: tuple[str, ...]
    semantic: str | None = None

    @property
    def column(self) -> str:
        return self.path[0]

    def __str__(self) -> str:
        return f"{self.table}.{'.'.join(self.path)}"


@dataclasses.dataclass(frozen=True)
class FieldRules:
    """All fields, and where their keys are. It pickles: keys do not travel.

    place: the template of the associated data, with `{table}` and `{path}`.
    """

    rules: tuple[FieldRule, ...]
    keys: KeySource
    place: str = PLACE

    def of_table(self, table: str) -> tuple[FieldRule, ...]:
        return tuple(rule for rule in self.rules if rule.table == table)

    def associated(self, rule: FieldRule) -> bytes:
        """The associated data of a field."""
        return associated_data(self.place, rule.table, ".".join(rule.path))


def parse_rules(action: Action, texts: Sequence[str]) -> tuple[FieldRule, ...]:
    """The rules of `TABLE.PATH` or `TABLE.PATH:SEMANTIC_TYPE`, with commas between them.

    Raises ValueError.
    """
    rules: list[FieldRule] = []
    for text in (part.strip() for whole in texts for part in whole.split(",")):
        found = _RULE.fullmatch(text)
        if found is None:
            message = f"{text!r}: expected TABLE.COLUMN, such as items.card_number"
            raise ValueError(message)
        if found["semantic"] is not None and action is Action.ENCRYPT:
            message = f"{text!r}: an encrypted field is a text; leave :{found['semantic']} out"
            raise ValueError(message)
        path = tuple(found["path"].split("."))
        if path[0].endswith(EACH):
            message = f"{text!r}: {EACH} stands in the JSON of a column, not at the column itself"
            raise ValueError(message)
        rules.append(FieldRule(action, found["table"], path, found["semantic"]))
    return tuple(rules)


def check_rules(rules: Sequence[FieldRule]) -> None:
    """Raises ValueError for a field that is named twice, and for one within another."""
    for number, rule in enumerate(rules):
        for other in rules[:number]:
            shorter, longer = sorted((rule.path, other.path), key=len)
            if rule.table == other.table and longer[: len(shorter)] == shorter:
                message = f"{rule} and {other} are one field, or one within the other; keep one"
                raise ValueError(message)
