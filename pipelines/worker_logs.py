"""What a Beam worker imports when it starts: its log messages tell job, pipeline and table.

A worker hands its log to the runner, which takes a message, a step and an exception of it, and no
field more (LogEntry of Beam's Fn API; its worker fills in no custom_data). So the fields stand
behind the message: `... [pipeline=aml job=aml-prod table=transfers]`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from apache_beam.options.value_provider import RuntimeValueProvider
from apache_beam.runners.worker.log_handler import FnApiLogRecordHandler

from pipelines.logs import SUBJECTS


class WithSubjects(logging.Formatter):
    """A message with what it is about behind it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__()
        self.fields = fields

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, Any] = {
            **self.fields,
            **{name: getattr(record, name) for name in SUBJECTS if hasattr(record, name)},
        }
        # The handler sends the exception beside the message.
        message = record.getMessage()
        told = " ".join(f"{name}={value}" for name, value in found.items())
        return f"{message} [{told}]" if told else message


def fields_of(options: Mapping[str, Any]) -> dict[str, str]:
    """What the options of a running job say of it."""
    given = {"pipeline": options.get("log_pipeline"), "job": options.get("job_name")}
    return {name: str(value) for name, value in given.items() if value}


def install() -> None:
    """Sets the form of what this process hands to its runner; nothing where it is no worker."""
    fields = fields_of(RuntimeValueProvider.runtime_options or {})
    for handler in logging.getLogger().handlers:
        if isinstance(handler, FnApiLogRecordHandler):
            handler.setFormatter(WithSubjects(fields))


install()
