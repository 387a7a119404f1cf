"""Where the Google Cloud CLI of the machine is: Google's emulators are its components."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.stack.command import run
from tests.stack.part import Missing, StackError


def newest_file(pattern: str, component: str) -> Path:
    """The newest file of a component; Missing when there is none.

    Args:
        pattern: of the file below the CLI's folder.
        component: of the CLI, that holds the file.
    """
    for folder in _roots():
        if found := sorted(folder.glob(pattern)):
            return found[-1]
    message = (
        f"{pattern} of the Google Cloud CLI was not found: run `gcloud components install "
        f"{component}`, or install the package google-cloud-cli-{component}; a Google Cloud CLI "
        "that is not on the PATH is named by CLOUDSDK_ROOT_DIR"
    )
    raise Missing(message)


def _roots() -> Iterator[Path]:
    if root := os.environ.get("CLOUDSDK_ROOT_DIR"):
        yield Path(root)
    for name in ("/usr/lib/google-cloud-sdk", "~/google-cloud-sdk", "/opt/google-cloud-sdk"):
        yield Path(name).expanduser()
    if program := shutil.which("gcloud"):
        yield Path(program).resolve().parents[1]
        # It knows, but takes seconds to say so.
        try:
            said = run([program, "info", "--format=value(installation.sdk_root)"])
        except StackError:
            return
        yield Path(said.strip())
