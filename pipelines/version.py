"""This installation's version."""

from __future__ import annotations

import importlib.metadata

try:
    VERSION = importlib.metadata.version("kamiflow")
except importlib.metadata.PackageNotFoundError:
    # A checkout that was never installed.
    VERSION = "0+checkout"
