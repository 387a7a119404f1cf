"""What the pipelines of a warehouse say alike on their command lines."""

from __future__ import annotations

import argparse
import re
from typing import Any

SOURCE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The name of a source, which is that of its dataset."""


def add_once(parser: Any, flag: str, **settings: Any) -> None:
    """Adds a flag that several pipelines have: Beam asks all options classes that are imported."""
    try:
        parser.add_argument(flag, **settings)
    except argparse.ArgumentError:
        return
