"""The keys of a batch's records: as JSON, as the text by which they are compared, and refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa

from transforms.avro import DecodedGroup, Decoder, SchemaSource, decode
from transforms.change_log_headers import NEW_KEY, OLD_KEY, HeaderKeys
from transforms.change_log_json import Rows, arrow_texts, json_texts
from transforms.change_log_order import Positions
from transforms.change_log_texts import Array
from transforms.dead_letters import Refusal
from transforms.key_texts import key_texts, plain_key_texts


class KeyColumns:
    """The decoded keys of the records of a batch."""

    def __init__(self, records: pa.RecordBatch, schemas: SchemaSource, decoder: Decoder) -> None:
        self._schemas, self._decoder = schemas, decoder
        decoded = decode(cast("pa.BinaryArray", records.column("key")), schemas, decoder)
        self._failures = decoded.failures
        self._place = np.full(records.num_rows, -1, np.int64)
        texts: list[Array] = []
        jsons: list[Array] = []
        filled = 0
        for group in decoded.groups:
            rows = Rows(group.rows.to_struct_array())
            json, text = plain_key_texts(rows) or (
                arrow_texts(json_texts(rows)),
                arrow_texts(key_texts(rows)),
            )
            jsons.append(json)
            texts.append(text)
            self._place[group.positions] = np.arange(filled, filled + len(group.positions))
            filled += len(group.positions)
        self._json = _concatenated(jsons)
        self._text = _concatenated(texts)
        schemas_by_group = [(group, group.rows.schema) for group in decoded.groups]
        self._headers = HeaderKeys(
            records, lambda position: _schema_of(schemas_by_group, position), self._key_texts
        )

    def json(self, positions: Positions) -> Array:
        """The keys (String) at these positions as JSON, NULL where a record has none."""
        return self._at(self._json, positions)

    def text(self, positions: Positions) -> Array:
        """The keys (String) at these positions as the texts by which they are compared."""
        return self._at(self._text, positions)

    def old(self, positions: Positions) -> Any:
        return self._headers.column(OLD_KEY, positions)

    def new(self, positions: Positions) -> Any:
        return self._headers.column(NEW_KEY, positions)

    def refused(self, group: DecodedGroup) -> dict[int, Refusal]:
        """The group's records whose key cannot be decoded."""
        if not self._failures:
            return {}
        ours = set(group.positions.tolist())
        return {
            found.position: Refusal(
                found.position,
                "decode",
                found.error_class,
                f"the record's key: {found.message}",
                found.schema_id,
            )
            for found in self._failures
            if found.position in ours
        }

    def _at(self, values: Array, positions: Positions) -> Array:
        places = self._place[positions]
        if len(places) == len(values) and np.array_equal(places, np.arange(len(places))):
            return values
        missing = places < 0
        wanted = pa.array(places, pa.int64(), mask=missing if missing.any() else None)
        found: Array = values.take(wanted)
        return found

    def _key_texts(self, raw: Sequence[bytes]) -> list[str | None]:
        found = decode(pa.array(raw, pa.binary()), self._schemas, self._decoder)
        texts: list[str | None] = [None] * len(raw)
        for group in found.groups:
            rows = Rows(group.rows.to_struct_array())
            for position, text in zip(group.positions.tolist(), json_texts(rows), strict=True):
                texts[position] = text
        return texts


def _schema_of(groups: Sequence[tuple[DecodedGroup, pa.Schema]], position: int) -> pa.Schema | None:
    if len(groups) == 1:
        # A key that is missing or broken is refused anyway.
        return groups[0][1]
    for group, schema in groups:
        at = int(np.searchsorted(group.positions, position))
        if at < len(group.positions) and group.positions[at] == position:
            return schema
    return None


def _concatenated(columns: Sequence[Array]) -> Array:
    if len(columns) == 1:
        return columns[0]
    # Without a group there are no texts.
    joined: Array = pa.concat_arrays([pa.array([], pa.string()), *columns])
    return joined
