"""Whether a gRPC server answers, asked without gRPC's own client.

A stack starts its parts from several threads, which fork to run commands while others ask. That
client opens and closes channels by threads of its own meanwhile; the process has crashed with it.
"""

from __future__ import annotations

import socket

from tests.stack.part import NotReady

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = 4
_NO_SETTINGS = bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])
_HEADER_BYTES = 9
_SECONDS = 2.0


def answers_grpc(address: str) -> None:
    """Raises NotReady unless a server of HTTP/2 without TLS answers at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _SECONDS) as connection:
            connection.settimeout(_SECONDS)
            connection.sendall(_PREFACE + _NO_SETTINGS)
            # The first frame of either side tells its settings (RFC 9113, 3.4).
            frame = connection.recv(_HEADER_BYTES, socket.MSG_WAITALL)
    except OSError as error:
        message = f"{address} does not answer gRPC: {error}"
        raise NotReady(message) from error
    if len(frame) < _HEADER_BYTES or frame[3] != _SETTINGS:
        message = f"{address} does not answer gRPC, but {frame!r}"
        raise NotReady(message)
