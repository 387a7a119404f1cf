"""The distinct keys of a batch: each once, in the order in which they come first."""

from __future__ import annotations

import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.lookup import CachePolicy, Lookup

VALUES: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "int64": (pl.Int64(), st.integers(-2, 2) | st.sampled_from([2**63 - 1, -(2**63)])),
    "int8": (pl.Int8(), st.integers(-128, 127)),
    "string": (pl.String(), st.sampled_from(["", "a", "A", "ä", "long enough to be no inline"])),
    "binary": (pl.Binary(), st.binary(max_size=2)),
    "date": (pl.Date(), st.dates(datetime.date(1, 1, 1), datetime.date(1, 1, 9))),
    # Not by Arrow's dictionary: 0.0 and -0.0 are one key.
    "float": (pl.Float64(), st.sampled_from([0.0, -0.0, 1.5])),
    "boolean": (pl.Boolean(), st.booleans()),
}


class _Nothing:
    """A source without rows."""

    name, key_errors, queries, retries = "table t", (), 0, 0

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def fetch(self, keys: Any) -> list[Any]:
        self.asked = list(keys)
        return []


@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
def test_each_key_is_asked_for_once_in_the_order_of_the_batch(name: str, data: Any) -> None:
    dtype, values = VALUES[name]
    keys = data.draw(st.lists(st.none() | values, max_size=12))
    source = _Nothing()
    lookup = Lookup(source, {"k": dtype}, {"v": pl.String()}, CachePolicy(None, None))
    with lookup:
        source.asked = []
        found = lookup.join(pl.DataFrame({"k": pl.Series(keys, dtype=dtype)}), keep_misses=True)
    assert source.asked == [(key,) for key in dict.fromkeys(keys) if key is not None]
    assert found.positions.to_list() == list(range(len(keys)))
    assert lookup.counters.misses == len(keys)
