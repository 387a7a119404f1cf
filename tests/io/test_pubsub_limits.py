from __future__ import annotations

import pytest

from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_limits import Refused, refused_rows, sendable
from pipeline_io.record_schema import REFUSED_ROWS
from tests.io.pubsub_rows import change_attributes, parsed, sink_rows

ORDERED = PubsubConfig("shop-1", "items", ordering_key=True)
PLAIN = PubsubConfig("shop-1", "items")


def one_refused(found: list[Refused]) -> Refused:
    assert len(found) == 1
    return found[0]


def test_an_attribute_of_1024_bytes_is_sent_and_one_byte_more_is_refused() -> None:
    attributes = [change_attributes(number) for number in range(3)]
    attributes[0]["table"] = "t" * 1_024
    attributes[1]["table"] = "ß" * 512 + "t"
    rows = sink_rows([b"a", b"b", b"c"], attributes=attributes)

    found = sendable(rows, PLAIN)

    assert found.rows.column("payload").to_pylist() == [b"a", b"c"]
    refused = one_refused(found.refused)
    assert (refused.row, refused.error_class) == (1, "AttributeTooLarge")
    assert "'table' has 1,025 bytes" in refused.message


def test_attributes_that_are_not_sent_are_not_checked() -> None:
    rows = sink_rows([b"a"], attributes=[{"table": "t" * 2_000}])

    assert not sendable(rows, PubsubConfig("shop-1", "items", attributes=False)).refused


def test_a_message_may_fill_a_request_of_ten_million_bytes_and_not_a_byte_more() -> None:
    # Topic with its header 30, the message's header 5, the data's header 5.
    largest = 10_000_000 - 30 - 5 - 5
    rows = sink_rows([b"a", b"x" * (largest + 1), b"b", b"x" * largest])

    found = sendable(rows, PLAIN)

    assert found.rows.column("payload").to_pylist() == [b"a", b"b", b"x" * largest]
    refused = one_refused(found.refused)
    assert (refused.row, refused.error_class) == (1, "MessageTooLarge")
    assert "9,999,971 bytes" in refused.message
    assert len(found.messages.bounds) == 4


def test_an_ordering_key_is_text_of_up_to_1024_bytes() -> None:
    keys = [b"k" * 1_024, b"k" * 1_025, b"\xff\x00", None, b""]
    rows = sink_rows([b"a", b"b", b"c", b"d", b"e"], keys)

    found = sendable(rows, ORDERED)

    assert found.rows.column("payload").to_pylist() == [b"a", b"d", b"e"]
    assert [(one.row, one.error_class) for one in found.refused] == [
        (1, "OrderingKeyTooLarge"),
        (2, "OrderingKeyNotText"),
    ]
    assert r"b'\xff\x00'" in found.refused[1].message
    assert not sendable(rows, PLAIN).refused


@pytest.mark.parametrize(
    ("config", "attributes", "refused"),
    [
        (PLAIN, {}, True),
        (PLAIN, None, True),
        (PLAIN, {"op": "d"}, False),
        (PubsubConfig("shop-1", "items", attributes=False), {"op": "d"}, True),
        (PubsubConfig("shop-1", "items", content_type="application/json"), {}, False),
    ],
)
def test_an_empty_message_needs_an_attribute(
    config: PubsubConfig, attributes: dict[str, str | None] | None, refused: bool
) -> None:
    rows = sink_rows([b"", b"a"], attributes=[attributes, attributes])

    found = sendable(rows, config)

    assert [one.error_class for one in found.refused] == ["EmptyMessage"] * refused


def test_a_message_wrong_in_two_ways_is_refused_once() -> None:
    rows = sink_rows([b"a"], [b"\xff" * 2_000], [{"op": "o" * 2_000}])

    assert one_refused(sendable(rows, ORDERED).refused).error_class == "AttributeTooLarge"


def test_refused_rows_hold_the_records_they_came_of() -> None:
    rows = sink_rows([b"a", b"b", b"c"])

    found = refused_rows(rows, [Refused(2, "MessageTooLarge", "too large")])

    assert found.schema == REFUSED_ROWS
    row = found.to_pylist()[0]
    assert (row["record"]["offset"], row["record"]["value"]) == (2, b"c")
    assert (row["error_class"], row["message"]) == ("MessageTooLarge", "too large")


def test_an_empty_batch_has_no_messages() -> None:
    found = sendable(sink_rows([]), ORDERED)

    assert found.messages.between(0, 0).to_pybytes() == b""
    assert not parsed(b"").messages
