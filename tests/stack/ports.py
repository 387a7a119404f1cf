"""Free ports of this machine for servers."""

from __future__ import annotations

import random
import socket
import threading
from pathlib import Path

_given: set[int] = set()
_lock = threading.Lock()
_LOWEST = 20_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and that this process has not given before.

    It lies below the ports that the system gives to outgoing connections: one of those could take
    it while its server is being restarted.
    """
    candidates = random.SystemRandom().sample(range(_LOWEST, _end()), 200)
    with _lock:
        for port in candidates:
            if port not in _given and _is_free(port):
                _given.add(port)
                return port
    message = f"no port of 127.0.0.1 between {_LOWEST} and {_end()} is free"
    raise OSError(message)


def _end() -> int:
    try:
        first = int(_EPHEMERAL.read_text().split()[0])
    except OSError:
        first = 32_768
    # Some machines give out nearly all ports: then any will do.
    return first if first > _LOWEST + 1000 else 60_000


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
