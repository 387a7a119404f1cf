"""The pullers of a process, each shared by all that read the same subscription for the same run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from pipeline_io.pubsub_puller import Puller
from pipeline_io.pubsub_subscription import SubscriptionConfig


class PullerKey(NamedTuple):
    """run: of the pipeline; two in one process do not take each other's messages back."""

    config: SubscriptionConfig
    run: str
    limited: bool


def _make(key: PullerKey) -> Puller:
    return Puller(key.config, limited=key.limited)


class Pullers:
    """Opens a puller for its first user and closes it behind its last. Safe for threads."""

    def __init__(self, make: Callable[[PullerKey], Puller] = _make) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._open: dict[PullerKey, tuple[Puller, int]] = {}

    def __contains__(self, key: PullerKey) -> bool:
        with self._lock:
            return key in self._open

    def open(self, key: PullerKey) -> Puller:
        with self._lock:
            puller, users = self._open.get(key) or (self._make(key), 0)
            self._open[key] = (puller, users + 1)
        return puller

    def close(self, key: PullerKey) -> None:
        with self._lock:
            puller, users = self._open.pop(key)
            if users > 1:
                self._open[key] = (puller, users - 1)
                return
        puller.close()


PULLERS = Pullers()
"""Those of this process."""
