"""Schemas of records that are read again in the process that makes them, without a registry."""

from __future__ import annotations

import os
import threading


class ProcessSchemas:
    """Gives schemas ids, and gives them back by id; ids mean nothing in another process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def register(self, subject: str, schema: str) -> int:
        with self._lock:
            found = self._ids.setdefault(schema, len(self._ids) + 1)
            self._texts[found] = schema
            return found

    def schema(self, schema_id: int) -> str:
        """Raises LookupError: an id that was not given here."""
        return self._texts[schema_id]


SCHEMAS = ProcessSchemas()
"""Of this process: all of its threads write to one log, which knows one source of schemas."""
os.register_at_fork(after_in_child=SCHEMAS.forget)
