"""How the command tells of errors where no person reads them."""

from __future__ import annotations

import logging
import os

from pythonjsonlogger.json import JsonFormatter

VARIABLE = "KAMIFLOW_LOG_FORMAT"
"""The environment variable, as the pipelines have it; `json` makes an error an object a line."""

_FIELDS = ("levelname", "message", "name")
_RENAMED = {"levelname": "severity", "name": "logger"}


def error_line(sentence: str, command: str | None) -> str:
    """An error as the environment wants it: a sentence, or an object with time, severity, message,
    logger and command."""
    if os.environ.get(VARIABLE) != "json":
        return f"kami: {sentence}"
    record = logging.LogRecord("kami", logging.ERROR, "", 0, sentence, None, None)
    record.command = command
    return JsonFormatter(_FIELDS, timestamp="time", rename_fields=_RENAMED).format(record)
