"""The command line around a pipeline: help, flags, and errors as sentences with an exit code."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.audit_errors import AuditError
from pipeline_io.bigquery_errors import BigQueryError
from pipeline_io.database import DatabaseError
from pipeline_io.files import FileWriteError
from pipeline_io.kafka_errors import KafkaError
from pipeline_io.pubsub_errors import PubsubError
from pipeline_io.recording import RecordingError
from pipeline_io.schema_registry_errors import RegistryError
from pipeline_io.secrets import SecretError
from pipeline_io.spanner_errors import SpannerError
from pipeline_io.splunk_errors import SplunkError
from pipeline_io.warehouse_errors import WarehouseError
from pipelines import logs
from pipelines.logs import LogOptions
from pipelines.options import FlagError, JobOptions, parse_options
from pipelines.runner_flags import RunnerOptions
from transforms.spanner_columns import SpannerChangeError
from transforms.sql.beam_sql import BeamSqlError
from transforms.sql.errors import SqlError, SqlErrors

WRONG_CONFIGURATION = 2
FAILED = 1

STOPS: tuple[type[Exception], ...] = (
    AuditError,
    BeamSqlError,
    BigQueryError,
    DatabaseError,
    FileWriteError,
    KafkaError,
    PubsubError,
    RecordingError,
    RegistryError,
    SecretError,
    SpannerChangeError,
    SpannerError,
    SplunkError,
    WarehouseError,
)
"""Errors that stop a job and say themselves what to do."""


def run_command(
    description: str | None,
    own_flags: type[PipelineOptions],
    run: Callable[[PipelineOptions], None],
    argv: Sequence[str],
) -> int:
    """Runs a pipeline for a command line; returns its exit code: 0 well, 1 failed, 2 misused.

    An error that says nothing itself is raised, to be shown with its stack; where logs are JSON it
    is one line of them, and the exit code 1.
    """
    if {"-h", "--help"} & set(argv):
        quieten()
        sys.stdout.write(help_text(description, own_flags))
        return 0
    try:
        quieten(argv, logs.pipeline_name(run))
        options = parse_options(argv)
        logs.for_workers(options)
        run(options)
    except (FlagError, logs.FormatError, SqlError, SqlErrors) as error:
        return _tell(str(error), WRONG_CONFIGURATION)
    except STOPS as error:
        return _tell(str(error), FAILED)
    except Exception as error:
        told = stop_message(str(error)) if isinstance(error, RuntimeError) else None
        if told is not None:
            return _tell(told, FAILED)
        return logs.failed(error, FAILED)
    return 0


def _tell(message: str, code: int) -> int:
    # Beam's word for the step says nothing to who wrote the script.
    logs.tell_error(re.sub(r" \[while running '[^\n]*'\]", "", message))
    return code


def help_text(description: str | None, own_flags: type[PipelineOptions]) -> str:
    """The pipeline's own flags; Beam's some hundred others are a page of Beam's."""
    # Beam types its hook with its own parser, which knows Beam's flags alone.
    parser: Any = argparse.ArgumentParser(
        description=description,
        add_help=False,
        usage=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="All flags of Beam's pipeline options are taken as well, --runner first of all.",
    )
    for flags in (own_flags, JobOptions, RunnerOptions, LogOptions):
        flags._add_argparse_args(parser)  # noqa: SLF001  (Beam's own hook, public by contract)
    return str(parser.format_help())


def stop_message(text: str) -> str | None:
    """The message of one of STOPS in a runner's error, which holds a worker's traceback as text.

    A runner tells of a worker's exception by its traceback alone. None for any other error.
    """
    names = {name for stop in STOPS for name in _names(stop)}
    pattern = rf"^(?:[\w.]+\.)?({'|'.join(sorted(names))}): (.*?)(?: \[while running|\Z)"
    found = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    return found[-1][1].strip() if found else None


def _names(error: type[Exception]) -> list[str]:
    return [error.__name__, *(name for sub in error.__subclasses__() for name in _names(sub))]


def quieten(argv: Sequence[str] = (), pipeline: str | None = None) -> None:
    """Sets up logs as the flags want them, without other libraries' chatter. Raises FormatError."""
    logs.begin(logs.wanted_format(argv), pipeline)
