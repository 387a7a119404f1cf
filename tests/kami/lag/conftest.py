"""What the tests of `kami lag` on a real broker share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kami.lag.live_lag import LiveLag
from tests.stack import servers


@pytest.fixture
def live(kafka: servers.Kafka) -> Iterator[LiveLag]:
    with LiveLag(kafka) as opened:
        yield opened
