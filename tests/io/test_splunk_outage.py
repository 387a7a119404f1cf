"""What a log says while Splunk takes no events."""

from __future__ import annotations

import pytest

from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_outage import Outage

CONFIG = SplunkConfig(urls=("https://hec:8088",), token="env://T")  # noqa: S106


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_told_every_ten_seconds_and_its_end_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = Outage(CONFIG, clock=clock)
    for _ in range(50):
        outage.goes_on("HTTP 503")
        clock.now += 0.5
    outage.ended()
    outage.ended()

    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 4
    assert "has not taken a request for 0 s now (HTTP 503); it is asked again, for 900 s" in said[0]
    assert "for 20 s now" in said[2]
    assert said[3] == "Splunk at https://hec:8088 takes events again after 25 s"


def test_single_errors_far_fewer_than_requests_do_not_fill_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = Outage(CONFIG, clock=clock)
    for _ in range(30):
        outage.goes_on("HTTP 503")
        outage.ended()
        clock.now += 1

    assert len(caplog.records) == 2 * 3
