"""Screens bank transfers and card payments for money laundering.

    python -m pipelines.aml --runner=DirectRunner

Changes of a MySQL and a PostgreSQL database, as Debezium wrote them, become events for Splunk:
shaped by pipelines/aml.sql, with what the customer database knows of the customer. Without flags it
reads the recording that is shipped, with a SQLite customer database that it makes, and writes
events.jsonl, dead_letters.jsonl and summary.json to out/aml.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.command import run_command
from pipelines.options import FlagError, JobConfig
from pipelines.run_job import run_job
from transforms.sql.errors import Script

HERE = Path(__file__).parent
SCRIPT = HERE / "aml.sql"
RECORDING = HERE / "recordings" / "aml"


class AmlOptions(PipelineOptions):
    """Flags of this pipeline alone."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--recording",
            default=str(RECORDING),
            help="Folder with the records to read (records.jsonl, schemas.json). "
            "Default: the recording that is shipped.",
        )
        parser.add_argument(
            "--lookup_url",
            help="Address of the customer database, SQLAlchemy's or JDBC's. "
            "Default: a SQLite file that is made in --output_dir.",
        )


def customers(config: JobConfig) -> str:
    """The address of the example's customer database, made unless the job is only explained.

    Raises FlagError.
    """
    path = Path(config.output_dir) / "customers.db"
    if not config.explain:
        make_customers(path)
    return f"sqlite:///{path}"


def make_customers(path: Path) -> None:
    """Makes the example's customer database. Raises FlagError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript((RECORDING / "customers.sql").read_text(encoding="utf-8"))
    except (OSError, sqlite3.Error) as error:
        message = f"--output_dir={path.parent}: {error}; choose a folder that can be written"
        raise FlagError(message) from error


def run(options: PipelineOptions) -> None:
    flags = options.view_as(AmlOptions)
    config = JobConfig.from_options(options, "aml")
    url = flags.lookup_url or customers(config)
    script = Script("aml.sql", SCRIPT.read_text(encoding="utf-8"))
    run_job(script, config, options, {"RECORDING": flags.recording, "LOOKUP_URL": url})


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, AmlOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
