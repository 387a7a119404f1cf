"""The command line around a pipeline: help, flags, and errors as sentences with an exit code."""

from __future__ import annotations

import argparse
import logging
import re
import sys
import warnings
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
    """Runs a pipeline for a command line; returns its exit code: 0 well, 1 failed, 2 misused."""
    quieten()
    if {"-h", "--help"} & set(argv):
        sys.stdout.write(help_text(description, own_flags))
        return 0
    try:
        run(parse_options(argv))
    except (FlagError, SqlError, SqlErrors) as error:
        return _tell(str(error), WRONG_CONFIGURATION)
    except STOPS as error:
        return _tell(str(error), FAILED)
    except RuntimeError as error:
        told = stop_message(str(error))
        if told is None:
            raise
        return _tell(told, FAILED)
    return 0


def _tell(message: str, code: int) -> int:
    # Beam's word for the step says nothing to who wrote the script.
    told = re.sub(r" \[while running '[^\n]*'\]", "", message)
    sys.stderr.write(f"error: {told}\n")
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
    for flags in (own_flags, JobOptions, RunnerOptions):
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


def quieten() -> None:
    """Keeps other libraries' chatter out of a person's terminal."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # What ends a job is raised as well, and told as a sentence: Beam's log would be its traceback.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"apache_beam\..*|google\..*|grpc\..*")
