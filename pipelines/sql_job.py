"""Runs an SQL job.

    python -m pipelines.sql_job --job my.sql --runner=DirectRunner

The script declares sources, lookups and sinks by CREATE TABLE, and what becomes of the records by
INSERT INTO ... SELECT. --explain prints the plan instead of running it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.command import run_command
from pipelines.options import FlagError, JobConfig
from pipelines.run_job import run_job
from transforms.sql.errors import Script


class SqlJobOptions(PipelineOptions):
    """Flags of this pipeline alone."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--job", help="The file with the SQL script.")


def read_script(path: str) -> Script:
    """The script in a file. Raises FlagError."""
    try:
        return Script(path, Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"--job={path}: {error}; expected a file with an SQL script"
        raise FlagError(message) from error


def run(options: PipelineOptions) -> None:
    job = options.view_as(SqlJobOptions).job
    if not job:
        message = "--job is required: the file with the SQL script to run"
        raise FlagError(message)
    run_job(read_script(job), JobConfig.from_options(options, Path(job).stem), options)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job that the flags describe; the exit code is 0 only if it went well."""
    return run_command(__doc__, SqlJobOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
