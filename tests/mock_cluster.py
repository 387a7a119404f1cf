"""A cluster within this process: the broker of tests that the client library has in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from confluent_kafka import Producer

_SECONDS = 60.0


@contextlib.contextmanager
def mock_cluster() -> Iterator[str]:
    """Its address, within the block."""
    with Producer({"test.mock.num.brokers": 1, "log_level": 0}) as owner:
        (found,) = owner.list_topics(timeout=_SECONDS).brokers.values()
        yield f"{found.host}:{found.port}"
