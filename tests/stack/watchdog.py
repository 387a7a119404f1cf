"""Takes down the stack of a session whose process ended without doing so, as by `kill -9`.

python -m tests.stack.watchdog PID STARTED NAME
"""

from __future__ import annotations

import subprocess
import sys
import time

from tests.stack.home import ROOT, home
from tests.stack.processes import Process

_POLL_SECONDS = 0.5


def watch(owner: Process, name: str) -> None:
    """Returns when the stack of that name has gone; takes it down when its owner has."""
    folder = home() / "run" / name
    while folder.exists():
        if not owner.is_alive():
            # With it come the clients of all servers: nothing to load for a bystander.
            from tests.stack.stack import Stack

            Stack(name).down()
            return
        time.sleep(_POLL_SECONDS)


def start(owner: Process, name: str) -> None:
    """Starts a watchdog that outlives the owner and gets none of its signals."""
    (home() / "run" / name).mkdir(parents=True, exist_ok=True)
    arguments = [str(owner.pid), str(owner.started), name]
    watchdog = subprocess.Popen(
        [sys.executable, "-m", "tests.stack.watchdog", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Nobody waits for it: no warning about that.
    watchdog.returncode = 0


if __name__ == "__main__":
    watch(Process(int(sys.argv[1]), int(sys.argv[2])), sys.argv[3])
