"""How a command tells what it does: sentences for a person, or a JSON object a line for what
collects logs."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, SetupOptions
from pythonjsonlogger.json import JsonFormatter
from rich.console import Console

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
VARIABLE = "KAMIFLOW_LOG_FORMAT"
"""The environment variable that is the format where --log_format is not given."""

WORKER_PLUGIN = "pipelines.worker_logs"
"""What Beam's workers import when they start."""

SUBJECTS = ("statement", "table", "topic", "subscription")
"""What a message may be about: fields that the code that logs it gives as `extra`."""

_FIELDS = ("levelname", "message", "name")
_RENAMED = {"levelname": "severity", "name": "logger", "exc_info": "exception"}
_LOGGER = logging.getLogger("kamiflow")


class LogOptions(PipelineOptions):
    """The flag about logs, of every pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--log_format",
            choices=FORMATS,
            help="How warnings and errors are written to standard error: text, or json, an object "
            f"a line. Default: {VARIABLE} of the environment, else text.",
        )
        # Not for a person: it travels with the options to the workers, whose logs tell it.
        parser.add_argument("--log_pipeline", help=argparse.SUPPRESS)


@dataclasses.dataclass
class _Told:
    """What every line of this process tells of itself."""

    format: str = TEXT
    pipeline: str | None = None
    job: str | None = None


_TOLD = _Told()


class FormatError(ValueError):
    """The environment names a format of logs that there is not."""


def wanted_format(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """The format by the flag, else by the environment. A flag with another value is text: it is
    told of with the other flags. Raises FormatError."""
    given = environment.get(VARIABLE) or TEXT
    if given not in FORMATS:
        message = f"{VARIABLE}={given!r}: expected {' or '.join(FORMATS)}"
        raise FormatError(message)
    for place, text in enumerate(argv):
        name, equals, value = text.partition("=")
        if name == "--log_format":
            given = value if equals else "".join(argv[place + 1 : place + 2])
    return given if given in FORMATS else TEXT


def begin(log_format: str, pipeline: str | None = None) -> None:
    """Sets up this process's logs, and keeps other libraries' chatter out of them."""
    _TOLD.format, _TOLD.pipeline, _TOLD.job = log_format, pipeline, None
    if log_format == JSON:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
        logging.captureWarnings(True)
    else:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # What ends a job is raised as well, and told as a sentence: Beam's log would be its traceback.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"apache_beam\..*|google\..*|grpc\..*")


def name_job(job: str) -> None:
    """The job's name, as soon as it is known; before, it is the pipeline's. The first one stays:
    that of the command line."""
    _TOLD.job = _TOLD.job or job


def is_json() -> bool:
    """Whether what is written is for no person: no progress is shown."""
    return _TOLD.format == JSON


def tell_error(sentence: str, error: BaseException | None = None) -> None:
    """Tells what stopped the command. error: one that says nothing itself, with its stack."""
    if is_json():
        _LOGGER.error("%s", sentence, exc_info=error)
    else:
        sys.stderr.write(f"error: {sentence}\n")


def failed(error: Exception, code: int) -> int:
    """For an error that says nothing itself: raises it, to be shown with its stack; where logs are
    JSON it is one line of them, and `code` comes back."""
    if not is_json():
        raise error
    tell_error(f"{type(error).__name__}: {error}", error)
    return code


def tell(sentence: str) -> None:
    """Tells of progress on standard error."""
    if is_json():
        record = _LOGGER.makeRecord(_LOGGER.name, logging.INFO, "", 0, sentence, (), None)
        sys.stderr.write(f"{JsonLines().format(record)}\n")
    else:
        sys.stderr.write(f"{sentence}\n")


def say(console: Console, line: str) -> None:
    """Tells a person of what goes on, on standard output; where nobody reads it is a line of the
    log."""
    if is_json():
        tell(line)
    else:
        print_lines(console, (line,))


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Prints lines as they are: what looks like a markup is part of a name."""
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def for_workers(options: PipelineOptions) -> None:
    """Takes the job's name from its options, and lets its workers tell in their logs what they work
    for."""
    _TOLD.job = options.view_as(GoogleCloudOptions).job_name
    options.view_as(LogOptions).log_pipeline = _TOLD.pipeline
    setup = options.view_as(SetupOptions)
    setup.beam_plugins = [*(setup.beam_plugins or ()), WORKER_PLUGIN]


def pipeline_name(run: Callable[..., Any]) -> str:
    """The pipeline whose function this is: its module's name, as the command line has it."""
    module = run.__module__
    if module == "__main__":
        spec = sys.modules[module].__spec__
        module = spec.name if spec is not None else module
    return module.rpartition(".")[2]


class JsonLines(JsonFormatter):
    """A log record as one line: time (RFC 3339, UTC), severity, message, logger, pipeline, job,
    what the message is about (SUBJECTS), and the exception with its stack."""

    def __init__(self) -> None:
        super().__init__(_FIELDS, timestamp="time", rename_fields=_RENAMED)

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        # What a record says of itself, as a job within another, goes first.
        for name, value in (("pipeline", _TOLD.pipeline), ("job", _TOLD.job or _TOLD.pipeline)):
            if value is not None:
                log_data.setdefault(name, value)
