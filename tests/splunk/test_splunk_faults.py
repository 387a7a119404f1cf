"""The writer while Splunk fails: what waits, what goes on, what stops."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline_io import splunk_sending
from pipeline_io.splunk_check import check
from pipeline_io.splunk_errors import SplunkAccessError, SplunkError, SplunkUnavailable
from tests.splunk.bundles import bundle, writer_of, written
from tests.splunk.certificates import write_certificates
from tests.splunk.process import TOKEN, Hec
from tests.splunk.rows import refused_offsets, sink_rows

ROWS = sink_rows([b'{"a":1}'] * 10)
SECRET_EVENT = b'{"card":"4111-1111-1111-1111"}'


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "busy"},
        {"kind": "internal"},
        {"kind": "shutdown"},
        {"kind": "capacity", "retry_after": 0.01},
        {"kind": "ack_capacity"},
        {"kind": "proxy"},
        {"kind": "status", "status": 408},
        {"kind": "status", "status": 425},
        {"kind": "status", "status": 504},
        {"kind": "cut_before"},
        {"kind": "cut_after"},
    ],
)
def test_what_passes_is_waited_for(hec: Hec, fault: dict[str, Any]) -> None:
    hec.fails({**fault, "times": 3})

    assert written(hec.config(), ROWS) == []

    report = hec.report()
    assert (report["different"], report["repeats_of_confirmed"]) == (10, 0)
    assert report["requests"] == 4
    assert report["repeats"] == (30 if fault["kind"] == "cut_after" else 0)


def test_a_late_answer_is_no_answer(hec: Hec) -> None:
    hec.fails({"kind": "slow", "seconds": 5})

    assert written(hec.config(request_seconds=0.2), ROWS) == []

    report = hec.report()
    assert (report["different"], report["repeats"], report["repeats_of_confirmed"]) == (10, 10, 0)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between tries, which are not waited."""
    found: list[float] = []
    wait = splunk_sending.Sending._wait  # noqa: SLF001

    def noted(self: Any, state: Any) -> float:
        found.append(wait(self, state))
        return 0.0

    monkeypatch.setattr(splunk_sending.Sending, "_wait", noted)
    return found


def test_retry_after_is_waited_for_up_to_the_last_try(hec: Hec, waits: list[float]) -> None:
    hec.fails({"kind": "capacity", "retry_after": 40}, {"kind": "busy"})

    assert written(hec.config(retry_seconds=900), ROWS) == []
    assert 40 <= waits[0] <= 80
    assert waits[1] < 1
    hec.fails({"kind": "capacity", "retry_after": 4_000})
    assert written(hec.config(retry_seconds=900), ROWS) == []
    assert 800 < waits[2] <= 900


def test_another_collector_need_not_be_waited_for(hec: Hec, waits: list[float]) -> None:
    hec.fails({"kind": "capacity", "retry_after": 40})
    urls = (hec.url, hec.url.replace("127.0.0.1", "localhost"))

    assert written(hec.config(urls=urls, retry_seconds=900), ROWS) == []
    assert len(waits) == 1 and waits[0] < 1


def test_events_are_refused_when_splunk_stays_away(hec: Hec) -> None:
    hec.fails({"kind": "busy", "times": 1_000})

    refused = written(hec.config(retry_seconds=0.2), ROWS)

    assert refused_offsets(refused) == [(number, "SplunkUnavailable") for number in range(10)]
    assert "code 9: Server is busy" in refused[0].to_pylist()[0]["message"]


def test_another_url_takes_over(hec: Hec) -> None:
    config = hec.config(urls=("http://127.0.0.1:9", hec.url), max_events=1, max_in_flight=1)

    assert written(config, ROWS) == []
    assert hec.report()["different"] == 10
    assert hec.report()["repeats"] == 0


def test_events_wait_for_a_collector_that_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splunk_sending, "_FIRST_WAIT_SECONDS", 0.05)
    with Hec() as hec:
        config = hec.config()
        writer = writer_of(config)
        writer.setup()
        assert bundle(writer, [sink_rows([b"1"], first=0)]) == []
    port = urlsplit(config.urls[0]).port or 0
    restarted = Hec(port=port)
    restarting = threading.Timer(0.5, restarted.__enter__)
    restarting.start()
    try:
        assert bundle(writer, [ROWS]) == []
        restarting.join()
        assert restarted.report()["different"] == 10
    finally:
        writer.teardown()
        restarting.join()
        restarted.__exit__(None, None, None)


def test_a_revoked_token_stops_the_bundle_and_refuses_no_event(hec: Hec) -> None:
    hec.set_up(token="another")  # noqa: S106
    with pytest.raises(SplunkAccessError, match="code 4: Invalid token") as caught:
        written(hec.config(), ROWS)
    assert "KAMIFLOW_TEST_HEC_TOKEN" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_token_that_was_changed_is_read_again(hec: Hec, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("old\n", encoding="utf-8")
    hec.set_up(token="new")  # noqa: S106
    config = hec.config(token=f"file://{secret}", max_events=1, max_in_flight=1)
    writer = writer_of(config)
    writer.setup()
    with pytest.raises(SplunkAccessError):
        bundle(writer, [ROWS])
    hec.set_up(token="old")  # noqa: S106
    assert bundle(writer, [ROWS]) == []
    secret.write_text("new\n", encoding="utf-8")
    hec.set_up(token="new")  # noqa: S106
    assert bundle(writer, [sink_rows([b"1"], first=50)]) == []
    writer.teardown()

    assert hec.report()["different"] == 11


def test_neither_payloads_nor_tokens_are_logged_or_raised(
    hec: Hec, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = []
    rows = sink_rows([SECRET_EVENT, b'{"card":"4111-1111-1111-1111"', b'""'])
    with caplog.at_level(logging.DEBUG):
        hec.fails({"kind": "busy", "times": 3}, {"kind": "cut_after"}, {"kind": "proxy"})
        refused = written(hec.config(), rows)
        hec.set_up(disabled=True)
        nowhere = hec.config(urls=("http://no.such.host.invalid",), retry_seconds=0.2)
        for config in (hec.config(), nowhere):
            try:
                written(config, rows)
                check(config, patience_seconds=0.1)
            except SplunkError as error:
                texts.append(repr(error) + repr(error.__cause__) + repr(error.__context__))
    texts += [record.getMessage() + str(record.exc_info) for record in caplog.records]
    texts += [row["message"] for one in refused for row in one.to_pylist()]
    texts += [repr(hec.config()), str(hec.config()), *capfd.readouterr()]

    assert len(refused) and len(texts) > 8
    for text in texts:
        assert "4111" not in text
        assert TOKEN not in text


def test_a_private_authority_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    os.environ["KAMIFLOW_TEST_HEC_CA"] = (tmp_path / "ca.pem").read_text(encoding="utf-8")
    with Hec(tmp_path / "server.pem") as hec:
        for ca in (str(tmp_path / "ca.pem"), "env://KAMIFLOW_TEST_HEC_CA"):
            check(hec.config(ca=ca))
            assert written(hec.config(ca=ca), ROWS) == []
        for ca in ("", str(tmp_path / "stranger.pem")):
            with pytest.raises(SplunkAccessError, match=r"over TLS.*CERTIFICATE_VERIFY_FAILED"):
                check(hec.config(ca=ca))
        with pytest.raises(SplunkAccessError, match=r"missing.pem.*expected PEM"):
            check(hec.config(ca=str(tmp_path / "missing.pem")))
        assert hec.report()["different"] == 10


def test_an_expired_certificate_stops_the_bundle(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    with Hec(tmp_path / "expired.pem") as hec:
        config = hec.config(ca=str(tmp_path / "ca.pem"))
        with pytest.raises(SplunkAccessError, match="certificate has expired"):
            written(config, ROWS)


def test_the_check_sends_no_event_and_takes_one_collector_that_answers(hec: Hec) -> None:
    check(hec.config(urls=("http://127.0.0.1:9", hec.url)))
    assert hec.report()["events"] == 0


def test_the_check_stops_where_nobody_answers(hec: Hec) -> None:
    with pytest.raises(SplunkUnavailable, match=r"no\.such\.host\.invalid.*DNS"):
        check(hec.config(urls=("http://no.such.host.invalid:8088",)), patience_seconds=0.1)
    hec.set_up(disabled=True)
    with pytest.raises(SplunkAccessError, match="code 1: Token disabled"):
        check(hec.config())
