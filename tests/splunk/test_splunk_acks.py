"""The writer with indexer acknowledgement."""

from __future__ import annotations

import time

import pytest

from pipeline_io import splunk_acks
from pipeline_io.splunk_check import check
from pipeline_io.splunk_errors import SplunkError
from tests.splunk.bundles import written
from tests.splunk.process import Hec
from tests.splunk.rows import sink_rows

ROWS = sink_rows([b"1"] * 10)


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splunk_acks.Acks.__init__, "__defaults__", (0.02,))


def test_a_bundle_ends_when_its_requests_are_acknowledged(hec: Hec) -> None:
    hec.set_up(ack=0.3)
    began = time.monotonic()

    assert written(hec.config(ack=True, max_events=2), ROWS) == []

    assert time.monotonic() - began >= 0.3
    report = hec.report()
    assert (report["different"], report["repeats"], report["requests"]) == (10, 0, 5)


def test_what_is_never_acknowledged_is_sent_again(hec: Hec) -> None:
    hec.set_up(ack=0.0, lost_acks=2)

    assert written(hec.config(ack=True, ack_seconds=0.2, max_in_flight=1), ROWS) == []

    report = hec.report()
    assert (report["different"], report["requests"], report["repeats"]) == (10, 3, 20)
    assert report["repeats_of_confirmed"] == 0


def test_requests_that_are_cut_off_are_acknowledged_in_another_try(hec: Hec) -> None:
    hec.set_up(ack=0.2, faults={"rates": {"cut_after": 0.3, "busy": 0.1}, "seed": 1})

    assert written(hec.config(ack=True, ack_seconds=5.0, max_events=1), ROWS) == []

    assert (hec.report()["different"], hec.report()["repeats_of_confirmed"]) == (10, 0)


def test_acknowledgements_that_are_set_up_on_one_side_alone_stop_the_job(hec: Hec) -> None:
    with pytest.raises(SplunkError, match=r"'sink.ack' = 'false'"):
        check(hec.config(ack=True))
    with pytest.raises(SplunkError, match=r"no ackId.*'sink.ack' = 'false'"):
        written(hec.config(ack=True), ROWS)
    hec.set_up(ack=0.0)
    with pytest.raises(SplunkError, match=r"'sink.ack' = 'true'"):
        check(hec.config())
    check(hec.config(ack=True))
