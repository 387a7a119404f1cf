"""Change events with fields decrypted or encrypted, before they are written to a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from transforms.avro import DecodedGroup
from transforms.change_log_keys import KeyColumns
from transforms.change_log_order import Positions
from transforms.change_log_values import plain_column
from transforms.dead_letters import Refusal
from transforms.encryption_columns import BYTES, ColumnCipher
from transforms.encryption_ring import ring_of
from transforms.encryption_rules import Action, FieldRules
from transforms.sql.errors import did_you_mean

_IMAGES = ("before", "after")


class EventFields:
    """The fields of the rules, in the events of every table. Does not pickle: made on the worker.

    Raises ValueError where the keys cannot be read.
    """

    def __init__(self, rules: FieldRules) -> None:
        ring = ring_of(rules.keys)
        ring.keys()
        self._ciphers: dict[str, list[ColumnCipher]] = {}
        for rule in rules.rules:
            cipher = ColumnCipher(rule, ring, rules.associated(rule))
            self._ciphers.setdefault(rule.table, []).append(cipher)

    def changed(
        self, group: DecodedGroup, table: str, rows: Positions, keys: KeyColumns
    ) -> tuple[DecodedGroup, list[Refusal]]:
        """These rows of a group, of one table, with their fields changed; and why rows of it were
        refused, which are in it as well."""
        ciphers = self._ciphers.get(table)
        found = group.rows
        if ciphers is None or not set(_IMAGES) & set(found.schema.names):
            return group, []
        if len(rows) != found.num_rows:
            found = found.take(pa.array(rows, pa.int64()))
            group = DecodedGroup(group.schema_id, group.positions[rows], found)
        whys: dict[int, tuple[ColumnCipher, str]] = {}
        for name in _IMAGES:
            place = found.schema.get_field_index(name)
            if place < 0 or not pa.types.is_struct(found.schema.field(place).type):
                continue
            image: Any = found.column(place)
            for cipher in ciphers:
                image, refused = _image(image, cipher, in_key=_in_key(cipher, group, keys))
                for row, why in refused.items():
                    whys.setdefault(row, (cipher, why))
            field = found.schema.field(place).with_type(image.type)
            found = found.set_column(place, field, image)
        refusals = [
            Refusal(
                int(group.positions[row]),
                cipher.rule.action.value,
                "FieldRefused",
                f"{cipher.rule} does not {cipher.rule.action.value}: {why}",
                group.schema_id,
            )
            for row, (cipher, why) in sorted(whys.items())
        ]
        return DecodedGroup(group.schema_id, group.positions, found), refusals


def _image(
    image: pa.StructArray, cipher: ColumnCipher, *, in_key: bool
) -> tuple[pa.StructArray, dict[int, str]]:
    """The rows before or after, with one field changed."""
    fields = list(image.type)
    names = [field.name for field in fields]
    column = cipher.rule.column
    if column not in names and cipher.rule.action is Action.DECRYPT and not in_key:
        # Columns come and go; where there is none, nothing is left encrypted.
        return image, {}
    if column not in names or in_key:
        why = (
            "the column is in the table's key, which tells its rows apart as it is; leave it out"
            if in_key
            else f"the table has no such column; {did_you_mean(column, names)}"
        )
        valid = image.is_valid().to_numpy(zero_copy_only=False)
        return image, {row: why for row in valid.nonzero()[0].tolist()}
    number = names.index(column)
    children = image.flatten()
    field = fields[number]
    semantic = cipher.rule.semantic if cipher.rule.semantic != BYTES else None
    plain = plain_column(children[number], field)
    changed, refused = cipher.changed(plain.to_pylist(), semantic)
    metadata = {b"connect.name": semantic.encode()} if semantic else None
    if len(cipher.rule.path) > 1:
        metadata = field.metadata
    fields[number] = pa.field(column, changed.type, metadata=metadata)
    children[number] = changed
    mask = image.is_null() if image.null_count else None
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask), refused


def _in_key(cipher: ColumnCipher, group: DecodedGroup, keys: KeyColumns) -> bool:
    texts = keys.json(group.positions[:1]).to_pylist()
    members: Sequence[str] = tuple(orjson.loads(texts[0])) if texts and texts[0] else ()
    return len(cipher.rule.path) == 1 and cipher.rule.column in members
