"""The stand-in is as strict as Splunk: what HEC's reference says of each answer holds."""

from __future__ import annotations

import gzip
import uuid
from typing import Any

import httpx
import pytest

from tests.splunk.process import TOKEN, Hec

EVENT = "/services/collector/event"


def asked(hec: Hec, body: bytes, path: str = EVENT, **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Splunk {TOKEN}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return hec.http.post(hec.url + path, content=body, headers=sent)


def answered(hec: Hec, body: bytes, path: str = EVENT, **headers: str) -> tuple[int, Any]:
    response = asked(hec, body, path, **headers)
    return response.status_code, response.json()


@pytest.mark.parametrize("between", [b"", b"\n", b" \r\n\t"])
@pytest.mark.parametrize("path", [EVENT, f"{EVENT}/1.0", "/services/collector"])
def test_events_stand_one_behind_the_other(hec: Hec, between: bytes, path: str) -> None:
    body = between.join([b'{"event":"a"}', b'{"event":{"b":1},"fields":{"event_id":"1"}}'])

    assert answered(hec, body, path) == (200, {"text": "Success", "code": 0})
    assert [event["event"] for event in hec.events()] == ["a", {"b": 1}]


def test_events_may_be_compressed(hec: Hec) -> None:
    body = gzip.compress(b'{"event":"a"}')

    assert answered(hec, body, Content_Encoding="gzip")[0] == 200
    assert answered(hec, body)[1]["code"] == 6
    assert answered(hec, body[:-9], Content_Encoding="gzip")[1]["code"] == 6
    assert hec.report()["events"] == 1


@pytest.mark.parametrize(
    ("bad", "code", "number"),
    [
        (b'{"event":"a"', 6, 1),
        (b'{"event":NaN}', 6, 1),
        (b"[]", 6, 1),
        (b'{"event":"a","time":"soon"}', 6, 1),
        (b'{"event":"a","index":"secret"}', 7, 2),
        (b'{"host":"h"}', 12, 1),
        (b'{"event":null}', 12, 1),
        (b'{"event":""}', 13, 1),
        (b'{"event":"a","fields":{"a":{"b":1}}}', 15, 1),
        (b'{"event":"a","fields":{"a":[[1]]}}', 15, 1),
    ],
)
def test_the_events_before_a_bad_one_are_taken(
    hec: Hec, bad: bytes, code: int, number: int
) -> None:
    status, said = answered(hec, b'{"event":"good"}' + bad + b'{"event":"behind"}')

    assert (status, said["code"], said["invalid-event-number"]) == (400, code, number)
    assert [event["event"] for event in hec.events()] == ["good"]


@pytest.mark.parametrize("body", [b"", b" \n "])
def test_a_request_without_events_has_no_data(hec: Hec, body: bytes) -> None:
    assert answered(hec, body) == (400, {"text": "No data", "code": 5})


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        ("", 401, 2),
        (f"Bearer {TOKEN}", 401, 3),
        ("Splunk 00000000-0000-0000-0000-000000000000", 403, 4),
    ],
)
def test_a_request_needs_the_token(hec: Hec, authorization: str, status: int, code: int) -> None:
    found = answered(hec, b'{"event":"a"}', Authorization=authorization)
    assert (found[0], found[1]["code"]) == (status, code)
    assert hec.report()["events"] == 0


def test_a_disabled_token_is_told_apart_and_a_token_in_the_query_is_refused(hec: Hec) -> None:
    path = f"{EVENT}?token={TOKEN}"
    assert answered(hec, b'{"event":"a"}', path, Authorization="")[1]["code"] == 16
    hec.set_up(disabled=True)
    assert answered(hec, b'{"event":"a"}')[1]["code"] == 1


def test_a_request_over_the_limit_is_refused_as_a_whole(hec: Hec) -> None:
    hec.set_up(max_content_length=100)
    assert asked(hec, b'{"event":"%s"}' % (b"a" * 100)).status_code == 413
    assert hec.report()["events"] == 0


def test_acknowledgements_need_a_channel_and_are_told_once(hec: Hec) -> None:
    ack, channel = "/services/collector/ack", str(uuid.uuid4())
    assert answered(hec, b'{"acks":[1]}', ack)[1]["code"] == 14
    hec.set_up(ack=0.0)
    assert answered(hec, b'{"event":"a"}')[1]["code"] == 10
    assert answered(hec, b'{"event":"a"}', X_Splunk_Request_Channel="x")[1]["code"] == 11
    status, said = answered(hec, b'{"event":"a"}', X_Splunk_Request_Channel=channel)
    number = said["ackId"]

    body = b'{"acks":[%d,999]}' % number
    first = answered(hec, body, ack, X_Splunk_Request_Channel=channel)
    second = answered(hec, body, ack, X_Splunk_Request_Channel=channel)
    assert status == 200
    assert first[1] == {"acks": {str(number): True, "999": False}}
    assert second[1] == {"acks": {str(number): False, "999": False}}


def test_health_is_told_without_a_token(hec: Hec) -> None:
    url = f"{hec.url}/services/collector/health"
    assert hec.http.get(url).json()["code"] == 17
    hec.set_up(healthy=False)
    assert hec.http.get(url).status_code == 503
    assert asked(hec, b"x", "/services/elsewhere").status_code == 404


def test_faults_come_by_the_script_and_repeats_are_counted(hec: Hec) -> None:
    event = b'{"event":"a","fields":{"event_id":"1"}}'
    hec.fails(
        {"kind": "busy", "retry_after": 7},
        {"kind": "cut_before"},
        {"kind": "cut_after", "times": 2},
    )

    busy = asked(hec, event)
    for _ in range(3):
        with pytest.raises(httpx.RemoteProtocolError):
            asked(hec, event)
    unconfirmed = hec.report()
    asked(hec, event)
    asked(hec, event)

    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "7")
    assert (unconfirmed["events"], unconfirmed["repeats"]) == (2, 1)
    report = hec.report()
    assert (report["events"], report["different"], report["repeats"]) == (4, 1, 3)
    assert report["repeats_of_confirmed"] == 1


def test_random_faults_are_the_same_for_the_same_seed(hec: Hec) -> None:
    def statuses() -> list[int]:
        hec.set_up(faults={"seed": 3, "rates": {"busy": 0.3, "internal": 0.3}})
        return [asked(hec, b'{"event":"a"}').status_code for _ in range(20)]

    found = statuses()
    assert set(found) == {200, 500, 503}
    assert found == statuses()
