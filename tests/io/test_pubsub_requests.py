from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_requests import requests_of
from tests.io.pubsub_rows import parsed, sink_rows

_KEYS = st.lists(st.sampled_from([None, b"", b"a", b"b", b"c", b"\xff"]), max_size=30)


@given(keys=_KEYS, max_messages=st.integers(1, 7))
def test_a_request_has_one_ordering_key_and_a_keys_messages_keep_their_order(
    keys: list[bytes | None], max_messages: int
) -> None:
    config = PubsubConfig("shop-1", "items", ordering_key=True, max_messages=max_messages)
    payloads = [b"%d" % number for number in range(len(keys))]

    found = requests_of(sink_rows(payloads, keys), config)

    sent: dict[bytes, list[bytes]] = defaultdict(list)
    for request in found.requests:
        messages = parsed(request.body()).messages
        assert 0 < len(messages) == request.count <= max_messages
        assert {message.ordering_key for message in messages} == {request.key.decode()}
        assert request.rows.column("payload").to_pylist()[request.start : request.end] == [
            message.data for message in messages
        ]
        sent[request.key] += [message.data for message in messages]
    expected: dict[bytes, list[bytes]] = defaultdict(list)
    for key, payload in zip(keys, payloads, strict=True):
        if key != b"\xff":
            expected[key or b""].append(payload)
    assert sent == expected
    assert [one.row for one in found.refused] == [
        row for row, key in enumerate(keys) if key == b"\xff"
    ]


@given(keys=_KEYS)
def test_without_ordering_keys_the_rows_keep_their_order(keys: list[bytes | None]) -> None:
    config = PubsubConfig("shop-1", "items", max_messages=4)
    payloads = [b"%d" % number for number in range(len(keys))]

    found = requests_of(sink_rows(payloads, keys), config)

    bodies = [parsed(request.body()) for request in found.requests]
    assert [message.data for body in bodies for message in body.messages] == payloads
    assert all(body.topic == "projects/shop-1/topics/items" for body in bodies)


def test_a_request_keeps_its_limit_of_bytes_with_its_topic() -> None:
    config = PubsubConfig("shop-1", "items", max_bytes=1_000)

    found = requests_of(sink_rows([b"x" * 290] * 10), config)

    assert [request.count for request in found.requests] == [3, 3, 3, 1]
    assert all(len(request.body()) <= 1_000 for request in found.requests)


def test_the_halves_of_a_request_hold_its_messages_in_order() -> None:
    (request,) = requests_of(
        sink_rows([b"a", b"b", b"c"]), PubsubConfig("shop-1", "items"), "a mark"
    ).requests

    halves = request.halves()

    assert [half.count for half in halves] == [1, 2]
    assert [half.mark for half in halves] == ["a mark"] * 2
    data = [message.data for half in halves for message in parsed(half.body()).messages]
    assert data == [b"a", b"b", b"c"]
