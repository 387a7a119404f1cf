"""Runs commands that end, such as downloads; what they said is told when they end badly."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.stack.part import StackError

LINES_OF_AN_ERROR = 25


def last_lines(text: str, count: int = LINES_OF_AN_ERROR) -> str:
    """The last lines of an output, indented to stand under a message."""
    lines = text.rstrip().splitlines()[-count:]
    return "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user: str | None = None,
) -> str:
    """The standard output of a command; StackError with its last lines when it ends badly.

    Args:
        environment: variables set beside those of this process.
        folder: where it runs.
        user: the system user to run as, when this process is root's.
    """
    words = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(
            words,
            check=False,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    except FileNotFoundError as error:
        message = f"{words[0]!r} was not found; install it, or put it on the PATH"
        raise StackError(message) from error
    if done.returncode:
        said = last_lines(done.stdout + done.stderr)
        message = f"{' '.join(words)!r} ended with exit code {done.returncode}:\n{said}"
        raise StackError(message)
    return done.stdout
