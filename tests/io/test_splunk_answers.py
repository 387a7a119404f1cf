"""What to do about each answer of HEC."""

from __future__ import annotations

import pytest

from pipeline_io.splunk_answers import Answer, Next, is_empty_request, read_answer, suspects
from tests.splunk.answers import CODES, hec, plain

EXPECTED = {
    **dict.fromkeys((0, 24, 25), Next.DONE),
    **dict.fromkeys((1, 2, 3, 4), Next.NEW_TOKEN),
    **dict.fromkeys((5, 6, 7, 12, 13, 15, 21, 22), Next.SPLIT),
    **dict.fromkeys((8, 9, 18, 19, 20, 23, 26, 27), Next.RETRY),
    **dict.fromkeys((10, 11, 14, 16, 17), Next.STOP),
}


@pytest.mark.parametrize("code", CODES)
def test_every_documented_code_has_its_recovery(code: int) -> None:
    reply = hec(code)
    answer = read_answer(reply.status, reply.body, {})
    assert answer.next is EXPECTED[code]
    assert answer.said.startswith(f"HTTP {reply.status}, code {code}: {CODES[code][1]}")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Next.STOP),
        (204, Next.STOP),
        (302, Next.STOP),
        (400, Next.SPLIT),
        (401, Next.NEW_TOKEN),
        (403, Next.NEW_TOKEN),
        (404, Next.STOP),
        (405, Next.STOP),
        (408, Next.RETRY),
        (413, Next.TOO_LARGE),
        (425, Next.RETRY),
        (429, Next.RETRY),
        (500, Next.RETRY),
        (502, Next.RETRY),
        (504, Next.RETRY),
    ],
)
def test_an_answer_that_is_not_hecs_own_goes_by_its_status(status: int, expected: Next) -> None:
    answer = read_answer(status, plain(status, "the payload").body, {})
    assert answer.next is expected
    assert "payload" not in answer.said


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"code":true}', b'{"code":"0"}', b"\xff"])
def test_a_success_without_hecs_code_is_none(body: bytes) -> None:
    assert read_answer(200, body, {}).next is Next.STOP


def test_what_an_answer_says_beside_its_code_is_read() -> None:
    body = hec(6, invalid_event_number=3, ackId=9).body
    answer = read_answer(400, body, {"retry-after": "1.5"})
    assert (answer.number, answer.ack_id, answer.retry_after) == (3, 9, 1.5)
    dated = read_answer(503, b"", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert dated.retry_after is None


def test_the_blamed_event_is_counted_from_0_and_from_1_where_the_index_is_wrong() -> None:
    def blamed(code: int, number: int | None) -> list[int]:
        return suspects(Answer(Next.SPLIT, "", 400, code, number), 5)

    assert blamed(6, 3) == [3, 2]
    assert blamed(7, 3) == [2, 3]
    assert blamed(6, 0) == [0]
    assert blamed(7, 5) == [4]
    assert blamed(6, 99) == blamed(6, None) == []


def test_only_no_data_is_an_empty_request() -> None:
    assert is_empty_request(read_answer(400, hec(5).body, {}))
    assert not is_empty_request(read_answer(400, hec(6).body, {}))
