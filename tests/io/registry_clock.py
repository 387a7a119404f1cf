"""A registry whose clock moves when it is slept on, for tests that wait for nothing."""

from __future__ import annotations

from typing import Any

from pipeline_io.schema_registry import SchemaRegistry
from pipeline_io.schema_registry_session import RegistrySession


class Clock:
    """Seconds that pass by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def session_of(*urls: str, clock: Clock | None = None, **settings: Any) -> RegistrySession:
    """Connections and caches of its own."""
    moved = clock or Clock()
    return SchemaRegistry(urls, **settings).open_session(moved, moved.sleep)
