from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.pubsub_wire import request_bounds, request_head, wire_messages
from pipeline_io.record_schema import ATTRIBUTES
from tests.io.pubsub_rows import parsed, sink_rows

TOPIC = "projects/shop-1/topics/items"

_VALUES = st.none() | st.text(max_size=40) | st.integers(100, 256).map("ß".__mul__)
_ROWS = st.tuples(
    st.binary(max_size=60) | st.sampled_from([b"x" * size for size in (127, 128, 20_000)]),
    st.none() | st.text(max_size=10).map(str.encode),
    st.none() | st.fixed_dictionaries({name: _VALUES for name in ATTRIBUTES}),
)


def wire_request(rows: pa.RecordBatch, **options: object) -> bytes:
    found = wire_messages(rows, **{"attributes": True, **options})  # type: ignore[arg-type]
    return request_head(TOPIC) + found.between(0, rows.num_rows).to_pybytes()


@given(
    rows=st.lists(_ROWS, max_size=6),
    dropped=st.integers(0, 2),
    attributes=st.booleans(),
    content_type=st.none() | st.just("application/json"),
    ordering_key=st.booleans(),
)
def test_googles_own_class_reads_every_message_as_it_was(
    rows: list[tuple[bytes, bytes | None, dict[str, str | None] | None]],
    dropped: int,
    attributes: bool,
    content_type: str | None,
    ordering_key: bool,
) -> None:
    payloads, keys, given_attributes = zip(*rows, strict=True) if rows else ((), (), ())
    batch = sink_rows(payloads, keys, given_attributes).slice(dropped)

    body = wire_request(
        batch, attributes=attributes, content_type=content_type, ordering_key=ordering_key
    )

    found = parsed(body)
    assert found.topic == TOPIC
    assert [message.data for message in found.messages] == list(payloads[dropped:])
    for message, key, values in zip(
        found.messages, keys[dropped:], given_attributes[dropped:], strict=True
    ):
        expected = {} if content_type is None else {"content_type": content_type}
        if attributes:
            expected |= {name: value for name, value in (values or {}).items() if value is not None}
        assert dict(message.attributes) == expected
        assert message.ordering_key == ((key or b"").decode() if ordering_key else "")


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_on_the_borders_of_their_encoding_are_read_back(size: int) -> None:
    found = parsed(wire_request(sink_rows([b"a", b"x" * size, b"b"])))

    assert [len(message.data) for message in found.messages] == [1, size, 1]


@given(
    sizes=st.lists(st.integers(1, 50), max_size=40),
    max_messages=st.integers(1, 10),
    max_bytes=st.integers(1, 120),
)
def test_requests_hold_every_message_once_and_keep_both_limits(
    sizes: list[int], max_messages: int, max_bytes: int
) -> None:
    bounds = np.concatenate([[7], 7 + np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)

    cuts = request_bounds(bounds, max_messages, max_bytes, 0, len(sizes))

    assert [row for start, end in cuts for row in range(start, end)] == list(range(len(sizes)))
    for number, (start, end) in enumerate(cuts):
        assert end - start <= max_messages
        assert sum(sizes[start:end]) <= max_bytes or end - start == 1
        full = end - start == max_messages or sum(sizes[start : end + 1]) > max_bytes
        assert full or number == len(cuts) - 1
