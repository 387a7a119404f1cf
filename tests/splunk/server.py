"""The stand-in's HTTP: enough of 1.1 for clients that keep their connections."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
from collections.abc import Mapping
from typing import Any

from tests.splunk.answers import Reply, hec, plain
from tests.splunk.collector import Collector, Settings
from tests.splunk.faults import Fault, Faults

_EVENTS = ("/services/collector/event", "/services/collector/event/1.0", "/services/collector")


class StandIn:
    """One collector and its faults; a Connection each client asks it."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.collector = Collector(Settings())
        self.faults = Faults({})
        self._waiting = 0
        self.set_up(given)

    def set_up(self, given: Mapping[str, Any]) -> None:
        """Changes settings by name; `faults` are those of Faults, and `clear` forgets events."""
        given = dict(given)
        if given.pop("clear", False):
            self.collector.clear()
            self.collector.settings = Settings()
            self.faults = Faults({})
        if "faults" in given:
            self.faults = Faults(given.pop("faults"))
        self.collector.settings = dataclasses.replace(self.collector.settings, **given)

    def waits(self, more: int) -> None:
        """So many more requests wait for their late answer; the most at once is counted."""
        self._waiting += more
        counts = self.collector.counts
        counts["most_at_once"] = max(counts["most_at_once"], self._waiting)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Reply | None, float, bool]:
        """The reply, None for none; the seconds until it is sent; whether the connection is cut."""
        path, _, query = target.partition("?")
        collector = self.collector
        if path in _EVENTS:
            if method != "POST":
                return plain(405), 0.0, False
            fault = self.faults.next() if body else None
            return self._events(fault, headers, query, body)
        if path == "/services/collector/health":
            return hec(17 if collector.settings.healthy else 18), 0.0, False
        if path == "/services/collector/ack":
            return collector.acknowledged(headers, body), 0.0, False
        return self._asked(path, body), 0.0, False

    def _events(
        self, fault: Fault | None, headers: Mapping[str, str], query: str, body: bytes
    ) -> tuple[Reply | None, float, bool]:
        collector = self.collector
        collector.counts["requests"] += 1
        if fault is None:
            return collector.events(headers, query, body), 0.0, False
        collector.counts[fault.kind] += 1
        reply = collector.events(headers, query, body) if fault.takes_events else fault.reply()
        return (None if fault.cuts else reply), fault.seconds, fault.cuts

    def _asked(self, path: str, body: bytes) -> Reply:
        """What tests ask of the stand-in itself."""
        found: object
        match path:
            case "/stand-in/report":
                found = self.collector.report()
            case "/stand-in/events":
                found = self.collector.kept
            case "/stand-in/ids":
                found = list(self.collector.ids)
            case "/stand-in/settings":
                self.set_up(json.loads(body))
                found = {}
            case _:
                return plain(404, "The requested URL was not found on this server.")
        return Reply(200, json.dumps(found).encode())


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # it is one of a stream

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._is_waiting and self._one_request():
            pass

    def _one_request(self) -> bool:
        """Answers the next request, if it is here as a whole."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._transport is None:
            return False
        first, *lines = bytes(self._received[:end]).decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        if len(self._received) < end + 4 + length:
            return False
        body = bytes(self._received[end + 4 : end + 4 + length])
        del self._received[: end + 4 + length]
        method, target, _ = first.split(" ")
        reply, seconds, is_cut = self._stand_in.answer(method, target, headers, body)
        if is_cut or reply is None:
            self._transport.abort()
            return False
        if seconds:
            self._is_waiting = True
            self._stand_in.waits(1)
            asyncio.get_running_loop().call_later(seconds, self._write_late, reply)
            return False
        self._write(reply)
        return True

    def _write_late(self, reply: Reply) -> None:
        self._is_waiting = False
        self._stand_in.waits(-1)
        self._write(reply)
        self._go_on()

    def _write(self, reply: Reply) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(reply.encoded())
        self._stand_in.collector.confirmed(reply.ids)


async def serve(stand_in: StandIn, port: int, certificate: str | None) -> None:
    """Serves until it is cancelled; says its port on standard output."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(stand_in), "127.0.0.1", port, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    async with server:
        await server.serve_forever()
