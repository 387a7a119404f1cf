"""Events a second into Splunk's stand-in from one worker, beside what the stand-in can take.

python -m tests.benchmarks.splunk_speed [--events 500000] [--in_flight 4]
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa

from tests.splunk.bundles import bundle, writer_of
from tests.splunk.process import TOKEN, Hec
from tests.splunk.rows import sink_rows

_EVENTS_A_REQUEST = 500
_ROWS_A_BATCH = 5_000
_BUNDLE = 50_000
_DIFFERENT_BODIES = 50


class Speed(NamedTuple):
    """events a second; CPU seconds of the client a million events; MiB of the client at most."""

    per_second: float
    cpu: float
    memory: float


def payload(number: int) -> bytes:
    """An event of some 250 bytes."""
    return (
        b'{"id":%d,"amount":"%d.50","currency":"EUR","from":"DE%020d","to":"FR%020d",'
        b'"kind":"transfer","channel":"web","country":"DE","risk":%d,'
        b'"at":"2026-01-01 00:00:00.123","text":"Rechnung %d vom Januar"}'
        % (number, number % 9_999, number * 7_919, number * 104_729, number % 100, number)
    )


def batches(first: int, count: int) -> list[pa.RecordBatch]:
    return [
        sink_rows([payload(one) for one in range(start, start + _ROWS_A_BATCH)], first=start)
        for start in range(first, first + count, _ROWS_A_BATCH)
    ]


def writer_speed(hec: Hec, events: int, in_flight: int, gzip_level: int) -> Speed:
    """The DoFn in bundles of 50,000; making the rows is not counted."""
    writer = writer_of(hec.config(max_in_flight=in_flight, gzip_level=gzip_level))
    writer.setup()
    bundle(writer, batches(0, _BUNDLE))
    seconds = cpu = 0.0
    for first in range(_BUNDLE, _BUNDLE + events, _BUNDLE):
        rows = batches(first, _BUNDLE)
        began, began_cpu = time.monotonic(), time.process_time()
        refused = bundle(writer, rows)
        seconds += time.monotonic() - began
        cpu += time.process_time() - began_cpu
        if refused:
            message = f"{len(refused)} batches were refused in part"
            raise ValueError(message)
    writer.teardown()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Speed(events / seconds, cpu / events * 1_000_000, memory)


def stand_ins_limit(hec: Hec, events: int, connections: int) -> float:
    """Events a second that the stand-in takes of requests that are made already."""
    requests = list(_requests(hec))
    turns = max(1, events // (_EVENTS_A_REQUEST * connections))
    address = urlsplit(hec.url)

    def blast(number: int) -> None:
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            for turn in range(turns):
                connection.sendall(requests[(number + turn * connections) % len(requests)])
                answer = connection.recv(65_536)
                if not answer.startswith(b"HTTP/1.1 200"):
                    message = f"the stand-in says {answer[:200]!r}"
                    raise ValueError(message)

    threads = [threading.Thread(target=blast, args=(number,)) for number in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return turns * connections * _EVENTS_A_REQUEST / (time.monotonic() - began)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of another process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _requests(hec: Hec) -> Iterator[bytes]:
    for number in range(_DIFFERENT_BODIES):
        first = number * _EVENTS_A_REQUEST
        events = b"".join(
            b'{"time":1767225600.123,"event":%s,"fields":{"event_id":"b-%d","topic":"shop.items",'
            b'"partition":"0","offset":"%d"}}' % (payload(one), one, one)
            for one in range(first, first + _EVENTS_A_REQUEST)
        )
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        body = packer.compress(events) + packer.flush()
        head = (
            f"POST /services/collector/event HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Splunk {TOKEN}\r\nContent-Encoding: gzip\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.splunk_speed")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--in_flight", type=int, default=4)
    parser.add_argument("--gzip", type=int, default=1)
    given = parser.parse_args(arguments)
    with Hec() as hec:
        hec.set_up(keep=0)
        limit = stand_ins_limit(hec, given.events, given.in_flight)
        hec.set_up(clear=True, keep=0)
        began = cpu_seconds(hec.pid)
        found = writer_speed(hec, given.events, given.in_flight, given.gzip)
        report = hec.report()
        stand_ins_cpu = (cpu_seconds(hec.pid) - began) / report["events"] * 1_000_000
    lines = [
        f"{os.cpu_count()} CPUs, {given.in_flight} requests in flight, gzip {given.gzip}, "
        f"{report['events'] // report['requests']} events a request",
        f"the stand-in takes    {limit:>10,.0f} events/s",
        f"one worker sends      {found.per_second:>10,.0f} events/s",
        f"the worker's CPU      {found.cpu:>10.1f} s a million events",
        f"the stand-in's CPU    {stand_ins_cpu:>10.1f} s a million events",
        f"the worker's memory   {found.memory:>10.0f} MiB at most",
    ]
    print("\n".join(lines))  # noqa: T201
    is_fast = found.per_second >= min(20_000, limit)
    return 0 if is_fast and not report["repeats"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
