"""Leaves clients that ask a cluster to the garbage collector, which runs in a thread of theirs."""

from __future__ import annotations

import concurrent.futures
import gc
import sys
from collections.abc import Callable
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from kami.kafka_broker import Broker
from kami.topics_wanted import Wanted
from pipeline_io.kafka_admin import KafkaAdmin
from pipeline_io.kafka_cluster import KafkaCluster
from tests.mock_cluster import mock_cluster

_TIMES = 20
_PLACE = TopicPartition("topic", 0)
_SPEC: Any = OffsetSpec  # Its methods have no types.
WAYS: dict[str, Callable[[str], KafkaAdmin | Broker]] = {
    "KafkaAdmin": lambda address: KafkaAdmin(KafkaCluster(address)),
    "Broker": lambda address: Broker(Wanted(brokers=address)),
}


def leave(way: str, address: str, *, closed: bool) -> None:
    """Makes one that is garbage when the answer to its question comes, and collects it then."""
    asked = WAYS[way](address)
    # As the traceback of an error holds what was in use: reference counts do not let it go.
    cycle: list[object] = [asked]
    cycle.append(cycle)
    answer = asked.client.list_offsets({_PLACE: _SPEC.latest()})[_PLACE]
    answer.add_done_callback(lambda _: gc.collect())
    if closed:
        asked.close()
    del asked, cycle
    concurrent.futures.wait([answer], timeout=0.1)


def main() -> None:
    """Arguments: a name of WAYS, and `closed` or `left`."""
    with mock_cluster() as address:
        for _ in range(_TIMES):
            leave(sys.argv[1], address, closed=sys.argv[2] == "closed")


if __name__ == "__main__":
    main()
