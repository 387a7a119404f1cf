"""The file that holds the counts of a run that ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline_io.files import FileWriteError, path_in, write_text

SUMMARY_FILE = "summary.json"


def summary_path(output_dir: str) -> str:
    """Where the counts are."""
    return path_in(output_dir, SUMMARY_FILE)


def keep_summary(output_dir: str, summary: Mapping[str, Any], written: str) -> None:
    """Writes the counts.

    Args:
        written: what is safe, whatever becomes of the counts: `the rows`.

    Raises FileWriteError.
    """
    path = summary_path(output_dir)
    try:
        write_text(path, json.dumps(summary, indent=2) + "\n")
    except FileWriteError as error:
        message = f"{error}; {written} are written, their counts are not"
        raise FileWriteError(message) from error
