"""Memory that a batch has used is kept for the next one."""

from __future__ import annotations

import contextlib
import ctypes
import os

import pyarrow as pa

# <malloc.h> of the GNU C library, the same since its first version.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
ARROW_POOL = "ARROW_DEFAULT_MEMORY_POOL"
"""Arrow's variable of the environment."""
KEPT_BYTES = 256 * 2**20
"""Free memory that is not given back to the system."""
_GROWN_BYTES = 4 * 2**20
_LARGEST_BYTES = 32 * 2**20
"""The largest piece that comes from what is kept; the C library takes no higher limit."""


def keep_memory() -> bool:
    """Lets the C library and Arrow keep what batches free; whether the C library does.

    A batch takes some megabytes and gives them back. By default much of that goes back to the
    system each time, which has to clear the same pages again for the next batch: a tenth of a job's
    CPU from Kafka to Kafka, by `perf` and by runs in turns. An allocator of Arrow's that the
    environment names stays.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        # Another C library than GNU's.
        return False
    settings = (
        (_TRIM_THRESHOLD, KEPT_BYTES),
        (_TOP_PAD, _GROWN_BYTES),
        (_MMAP_THRESHOLD, _LARGEST_BYTES),
    )
    if not all(mallopt(name, value) for name, value in settings):
        return False
    if ARROW_POOL not in os.environ:
        with contextlib.suppress(NotImplementedError):
            # Where this Arrow has it; its usual one clears the most pages anew.
            pa.set_memory_pool(pa.jemalloc_memory_pool())
    return True
