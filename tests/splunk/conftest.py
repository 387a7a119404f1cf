"""A stand-in of Splunk for the tests of this folder, without events and faults for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline_io import splunk_sending
from tests.splunk.process import Hec


@pytest.fixture(scope="session")
def hec_process() -> Iterator[Hec]:
    with Hec() as running:
        yield running


@pytest.fixture
def hec(hec_process: Hec, monkeypatch: pytest.MonkeyPatch) -> Hec:
    monkeypatch.setattr(splunk_sending, "_FIRST_WAIT_SECONDS", 0.01)
    hec_process.set_up(clear=True)
    return hec_process
