"""Python's garbage collector while a job runs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

YOUNG_OBJECTS = 50_000
"""New objects between two collections. A batch is some 5,000 messages and as many of what they
hold, none of them garbage; Python's own 700 has them looked at again and again."""


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """Within the block the collector looks at what a job makes, and rarely.

    What was imported before stays: without this each full collection walks all of it again, which
    was an eighth of a job's time.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
