"""Messages of a key keep their order, whatever happens to their requests."""

from __future__ import annotations

import random
import threading
from collections import defaultdict

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io import pubsub_publisher
from pipeline_io.pubsub_channel import open_channel, publish_call
from pipeline_io.pubsub_publisher import Publisher
from pipeline_io.pubsub_requests import requests_of
from tests.io.pubsub_rows import sink_rows
from tests.io.pubsub_stand_in import LOST, StandIn

Code = grpc.StatusCode
BAD = (b"13", b"14", b"40")


def _wait(barrier: threading.Barrier) -> None:
    barrier.wait(10)


def first_arrivals(payloads: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(payloads))


@settings(max_examples=15)
@given(
    faults=st.lists(
        st.sampled_from([None, Code.UNAVAILABLE, Code.ABORTED, (Code.UNAVAILABLE, LOST)]),
        max_size=40,
    ),
    seed=st.integers(0, 1_000),
)
def test_under_faults_each_keys_messages_arrive_in_order(
    faults: list[grpc.StatusCode | tuple[grpc.StatusCode, str] | None], seed: int
) -> None:
    keys = random.Random(seed).choices([b"a", b"b", b"c", b"d", None], k=60)
    payloads = [b"%d" % number for number in range(60)]
    with StandIn() as service, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pubsub_publisher, "_FIRST_WAIT_SECONDS", 0.001)
        patch.setattr(pubsub_publisher, "_LONGEST_WAIT_SECONDS", 0.002)
        service.script = list(faults)
        service.judge = lambda payload: Code.INVALID_ARGUMENT if payload in BAD else None
        config = service.config(ordering_key=True, max_messages=4, requests_in_flight=3)
        channel = open_channel(config)
        publisher = Publisher(publish_call(channel, config), config)
        # Three batches without a flush between them, as the bundles of a job have.
        for start in range(0, 60, 20):
            rows = sink_rows(payloads[start : start + 20], keys[start : start + 20])
            for request in requests_of(rows, config).requests:
                publisher.send(request)
        refused = publisher.flush()
        publisher.close()
        channel.close()

    expected: dict[str, list[bytes]] = defaultdict(list)
    for key, payload in zip(keys, payloads, strict=True):
        if payload not in BAD:
            expected[(key or b"").decode()].append(payload)
    arrived = {key: first_arrivals(found) for key, found in service.payloads_by_key().items()}
    assert arrived == expected
    assert len(refused) == len(BAD)
    assert set(service.at_once.values()) == {1}


def test_keys_do_not_wait_for_each_other() -> None:
    with StandIn() as service:
        config = service.config(ordering_key=True, requests_in_flight=8)
        channel = open_channel(config)
        publisher = Publisher(publish_call(channel, config), config)
        both = {b"a", b"h"}
        assert len({pubsub_publisher.lane_of(key, 8) for key in both}) == 2
        meet = threading.Barrier(2)
        service.before_answer = lambda request: _wait(meet)
        for request in requests_of(sink_rows([b"1", b"2"], sorted(both)), config).requests:
            publisher.send(request)
        publisher.flush()
        publisher.close()
        channel.close()

    assert sorted(service.payloads()) == [b"1", b"2"]
