"""A sink that only counts what it gets. In a module of its own: what is defined in the module that
runs as __main__ travels by value, and its counts would be a copy's."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_events = [0]


def count(element: Any) -> None:
    """Counts a batch's rows, or one record."""
    _events[0] += element.num_rows if isinstance(element, pa.RecordBatch) else 1


def counted() -> int:
    """What was counted in this process."""
    return _events[0]
