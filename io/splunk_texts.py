"""What stands around the payload in an event of HEC, put together column by column."""

from __future__ import annotations

import datetime
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.pubsub_records import MESSAGE_ID
from pipeline_io.record_schema import ATTRIBUTES
from pipeline_io.splunk_config import SplunkConfig, template_parts

TEXTS = ("host", "source", "sourcetype", "index")
"""What a template or a row says of an event, beside its time."""

_COORDINATES = ("topic", "partition", "offset", "timestamp")
_NESTED = "_metadata"
_MEMBERS = {name: pl.String() for name in ("time", *TEXTS)}
_SAID = pl.Struct({**_MEMBERS, _NESTED: pl.Struct(_MEMBERS)})

_SPECIAL = r'["\\\x00-\x1f]'
_NUMBER = r"^[0-9]+(\.[0-9]+)?([eE][+]?[0-9]+)?$"
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  # of texts without a zone, which are UTC


def described(rows: pa.RecordBatch) -> pl.DataFrame:
    """What is known of each of SINK_ROWS, in columns of their names: ATTRIBUTES, topic, partition,
    offset, message_id, timestamp (ms, UTC), and said.time, said.host and so on, of the row itself.

    An attribute that is NULL is that of the record's headers: a message that was published with
    an event_id keeps it. A record that has none has its coordinates for one.
    """
    record: Any = rows.column("record")
    attributes: Any = rows.column("attributes")
    fields = dict(zip([field.name for field in record.type], record.flatten(), strict=True))
    columns = {name: _series(fields[name]) for name in _COORDINATES}
    headers = _Headers(fields["headers"])
    columns["message_id"] = headers.texts(MESSAGE_ID)
    for name, values in zip(ATTRIBUTES, attributes.flatten(), strict=True):
        columns[name] = _series(values)
        if values.null_count:
            columns[name] = pl.select(pl.coalesce(columns[name], headers.texts(name))).to_series()
    said = _said(rows.column("key"))
    known = pl.DataFrame(columns | {f"said.{name}": said[name] for name in _MEMBERS})
    is_numbered = pl.col("message_id").is_null()
    known = known.with_columns(pl.when(is_numbered).then(name) for name in ("partition", "offset"))
    return known.with_columns(
        pl.coalesce(
            "event_id",
            pl.format("{}:{}", "topic", "message_id"),
            pl.format("{}:{}:{}", "topic", "partition", "offset"),
        ).alias("event_id")
    )


def not_metadata(rows: pa.RecordBatch) -> list[int]:
    """The rows whose key is no JSON object with the texts of metadata in it."""
    keys: Any = rows.column("key")
    if keys.null_count == len(keys):
        return []
    texts = keys.to_pylist()
    return [row for row, text in enumerate(texts) if text is not None and not _is_object(text)]


def heads(known: pl.DataFrame, config: SplunkConfig) -> pl.Series:
    """What stands before each payload: `{"time":1.5,"host":"h","event":`."""
    pieces = [pl.lit("{"), _member("time", _time(known))]
    for name in TEXTS:
        value = pl.coalesce(f"said.{name}", _filled(getattr(config, name)))
        pieces.append(_member(name, _quoted(known, value)))
    return known.select(pl.concat_str([*pieces, pl.lit('"event":')])).to_series()


def tails(known: pl.DataFrame, config: SplunkConfig) -> pl.Series:
    """What stands behind each payload: `,"fields":{"event_id":"e"}}`."""
    if not config.fields:
        return known.select(pl.repeat("}", pl.len(), dtype=pl.String)).to_series()
    names = (*ATTRIBUTES, "topic", "partition", "offset", "message_id")
    pieces = [
        _member(name, _quoted(known, pl.col(name).cast(pl.String)))
        for name in names
        if known[name].null_count() < known.height
    ]
    if not pieces:
        return known.select(pl.repeat("}", pl.len(), dtype=pl.String)).to_series()
    members = pl.concat_str(pieces).str.strip_suffix(",")
    return known.select(pl.concat_str(pl.lit(',"fields":{'), members, pl.lit("}}"))).to_series()


def _member(name: str, text: pl.Expr) -> pl.Expr:
    """`"name":text,`, and nothing for NULL."""
    return pl.concat_str([pl.lit(f'"{name}":'), text, pl.lit(",")]).fill_null("")


def _time(known: pl.DataFrame) -> pl.Expr:
    """Seconds with a fraction, as text: what the row says, else the record's time."""
    at = pl.col("timestamp").dt.epoch("ms")
    at = pl.when(at >= 0).then(at)
    of_record = pl.format("{}.{}", at // 1000, (at % 1000).cast(pl.String).str.zfill(3))
    said = pl.col("said.time")
    if known["said.time"].null_count() == known.height:
        return of_record
    number = pl.when(said.str.contains(_NUMBER)).then(said)
    read = said.str.replace("T", " ", literal=True).str.strip_suffix("Z")
    moment = read.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    micros = (moment - pl.lit(_EPOCH)).dt.total_microseconds()
    micros = pl.when(micros >= 0).then(micros)
    fraction = (micros % 1_000_000).cast(pl.String).str.zfill(6)
    return pl.coalesce(number, pl.format("{}.{}", micros // 1_000_000, fraction), of_record)


def _filled(template: str) -> pl.Expr:
    """A template with the record's values; NULL where one is missing, or for ""."""
    if not template:
        return pl.lit(None, pl.String)
    pieces = []
    for text, field in template_parts(template):
        pieces += [pl.lit(text), *([pl.col(field)] if field else [])]
    return pl.concat_str(pieces)


def _quoted(known: pl.DataFrame, value: pl.Expr) -> pl.Expr:
    """Texts as JSON has them. Few texts need more than quotes, and those that do are few."""
    texts = known.select(value.alias("text"))
    special = texts.filter(pl.col("text").str.contains(_SPECIAL))["text"].unique()
    quoted = pl.format('"{}"', value)
    if not len(special):
        return quoted
    written = [orjson.dumps(text).decode() for text in special]
    escaped = value.replace_strict(special, written, default=None, return_dtype=pl.String)
    return pl.coalesce(escaped, quoted)


def _said(keys: Any) -> pl.DataFrame:
    if keys.null_count == len(keys):
        nothing = [pl.repeat(None, len(keys), dtype=pl.String).alias(name) for name in _MEMBERS]
        return pl.select(nothing)
    texts = _series(keys.cast(pa.large_string()))
    said = texts.str.json_decode(_SAID).struct.unnest()
    nested = pl.col(_NESTED).struct
    return said.select(pl.coalesce(name, nested.field(name)).alias(name) for name in _MEMBERS)


def _is_object(text: bytes) -> bool:
    try:
        found = orjson.loads(text)
    except ValueError:
        return False
    found = found.get(_NESTED, found) if isinstance(found, dict) else None
    return isinstance(found, dict) and not any(
        isinstance(found.get(name), dict | list) for name in _MEMBERS
    )


class _Headers:
    """The headers of a batch's records, by name."""

    def __init__(self, headers: Any) -> None:
        self._count = len(headers)
        entries = headers.flatten()
        self._rows = pc.list_parent_indices(headers)
        self._names: Any = None
        self._values: Any = None
        if len(entries):
            self._names, self._values = entries.flatten()

    def texts(self, name: str) -> pl.Series:
        """The first value of that name in each record, NULL for none."""
        if self._names is None:
            return pl.Series(values=[None] * self._count, dtype=pl.String)
        found = pl.DataFrame(
            {
                "row": _series(self._rows),
                "name": _series(self._names),
                "value": _series(self._values),
            }
        ).filter(pl.col("name") == name)
        first = found.unique("row", keep="first", maintain_order=True)
        texts = first["value"].cast(pl.String, strict=False)
        whole = pl.repeat(None, self._count, dtype=pl.String, eager=True)
        return whole.scatter(first["row"], texts) if len(texts) else whole


def _series(values: Any) -> pl.Series:
    return pl.Series(pl.from_arrow(values))
