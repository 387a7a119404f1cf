import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.sql.json_reference import columns, reference, values
from transforms.sql.json_options import JsonOptions
from transforms.sql.json_rows import json_rows
from transforms.sql.types import Kind, SqlType, polars_type


def no_constant(text: str) -> None:
    message = f"{text} is no JSON"
    raise AssertionError(message)


def no_repeated_name(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def assert_same(read: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert list(read) == list(expected)
        for name, part in expected.items():
            assert_same(read[name], part)
    elif isinstance(expected, list):
        assert len(read) == len(expected)
        for one, other in zip(read, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, float | np.float32):
        assert isinstance(read, Decimal)
        # The shortest digits that are this float and no other; Decimal keeps the sign of zero.
        assert read == Decimal(str(expected))
        assert read.is_signed() == (math.copysign(1, expected) < 0)
    elif isinstance(expected, Decimal):
        # As text, so that the scale counts: 1.50 is not 1.5.
        assert f"{read:f}" == f"{abs(expected) if expected == 0 else expected:f}"
    else:
        assert type(read) is type(expected)
        assert read == expected


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_rows_of_any_types_are_read_back_as_they_were(data: st.DataObject) -> None:
    fields = data.draw(columns())
    row = st.tuples(*(values(field.type) for field in fields))
    rows = data.draw(st.lists(row, max_size=4))
    options = JsonOptions(
        timestamp_format=data.draw(st.sampled_from(["SQL", "ISO-8601"])),
        ignore_null_fields=data.draw(st.booleans()),
    )
    series = [
        pl.Series(str(place), [row[place] for row in rows], polars_type(field.type), strict=False)
        for place, field in enumerate(fields)
    ]
    frame = pl.DataFrame(series)
    members = [(field.name, pl.col(str(place)), field.type) for place, field in enumerate(fields)]
    texts = frame.select(json_rows(members, options)).to_series()
    assert texts.dtype == pl.String
    assert len(texts) == len(rows)
    separator = "T" if options.timestamp_format == "ISO-8601" else " "
    whole = SqlType(Kind.ROW, fields=tuple(fields))
    for text, row_values in zip(texts, rows, strict=True):
        named = {field.name: value for field, value in zip(fields, row_values, strict=True)}
        read = json.loads(
            text,
            parse_float=Decimal,
            parse_constant=no_constant,
            object_pairs_hook=no_repeated_name,
        )
        assert "\n" not in text
        assert_same(read, reference(named, whole, separator, options.ignore_null_fields))
