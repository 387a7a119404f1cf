"""Rows of a snapshot with fields decrypted or encrypted on their way."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

from transforms.encryption_columns import ColumnCipher
from transforms.encryption_ring import ring_of
from transforms.encryption_rules import FieldRules
from transforms.encryption_values import text_of


class SnapshotFieldError(ValueError):
    """Fields of a snapshot that do not decrypt. A snapshot without their rows would be wrong, and
    one with them as they are would not be what was asked for: so it is not taken."""


class ChangeFields(beam.DoFn):
    """(table's name, rows as columns of texts) with the fields of the rules changed.

    Raises SnapshotFieldError.
    """

    def __init__(self, rules: FieldRules) -> None:
        self.rules = rules

    def setup(self) -> None:
        ring = ring_of(self.rules.keys)
        self._ciphers: dict[str, list[ColumnCipher]] = {}
        for rule in self.rules.rules:
            cipher = ColumnCipher(rule, ring, self.rules.associated(rule))
            self._ciphers.setdefault(rule.table, []).append(cipher)

    def process(self, element: tuple[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
        name, rows = element
        for cipher in self._ciphers.get(name, ()):
            rows = _changed(rows, cipher)
        yield name, rows


def _changed(rows: pa.Table, cipher: ColumnCipher) -> pa.Table:
    rule = cipher.rule
    place = rows.schema.get_field_index(rule.column)
    changed, refused = cipher.changed(rows.column(place).to_pylist())
    if refused:
        why = next(iter(refused.values()))
        message = (
            f"{rule} does not {rule.action.value} in {len(refused):,} of {rows.num_rows:,} rows: "
            f"{why}; give --keys that have this key, or leave the field out"
        )
        raise SnapshotFieldError(message)
    texts = pa.array([text_of(value) for value in changed.to_pylist()], pa.string())
    return rows.set_column(place, rule.column, texts)
