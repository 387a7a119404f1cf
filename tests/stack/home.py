"""Where the stack keeps what it installed and what runs, and the locks on that."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "KAMIFLOW_STACK_DIR"


def home() -> Path:
    """The folder of everything: .stack in the checkout, unless KAMIFLOW_STACK_DIR names another."""
    return Path(os.environ.get(VARIABLE) or ROOT / ".stack").absolute()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file alone, among all threads and processes; the system frees it at death."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
