"""Screens bank transfers and card payments for money laundering.

    python -m pipelines.aml --runner=DirectRunner

Changes of a MySQL and a PostgreSQL database, as Debezium wrote them, become events for Splunk:
shaped by pipelines/aml.sql, with what the customer database knows of the customer. Without flags it
reads the recording that is shipped, with a SQLite customer database that it makes, and writes
events.jsonl, dead_letters.jsonl and summary.json to out/aml. Live:

    python -m pipelines.aml --kafka_brokers=HOST:9092 --schema_registry=http://HOST:8081 \\
        --lookup_url=postgresql+psycopg://HOST/customers --lookup_user=reader \\
        --lookup_password=env://LOOKUP_PASSWORD --pubsub_project=P --pubsub_topic=T --follow
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.files import is_remote
from pipelines.command import run_command
from pipelines.live_flags import with_shipped_recording
from pipelines.options import FlagError, JobConfig
from pipelines.run_job import run_job
from pipelines.script_flags import add_kafka_flags, add_lookup_flags, kafka_values, lookup_values
from transforms.sql.errors import Script

HERE = Path(__file__).parent
SCRIPT = HERE / "aml.sql"
RECORDING = HERE / "recordings" / "aml"


class AmlOptions(PipelineOptions):
    """Flags of this pipeline alone."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--lookup_url",
            help="Address of the customer database, SQLAlchemy's or JDBC's. "
            "Default with a recording: a SQLite file that is made in --output_dir.",
        )
        add_lookup_flags(parser)
        add_kafka_flags(parser)


def customers(config: JobConfig) -> str:
    """The address of the example's customer database, made unless the job is only explained.

    Raises FlagError.
    """
    if is_remote(config.output_dir):
        message = (
            f"--output_dir={config.output_dir}: the example's customer database is a file of this "
            "machine; give --lookup_url, or another folder"
        )
        raise FlagError(message)
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


def lookup_url(options: PipelineOptions, config: JobConfig) -> str:
    """The customer database's address; with a recording one is made. Raises FlagError."""
    url = options.view_as(AmlOptions).lookup_url
    if url is None and config.recording is None:
        message = "--lookup_url is missing: the address of the database with the live customers"
        raise FlagError(message)
    return str(url) if url is not None else customers(config)


def run(options: PipelineOptions) -> None:
    config = with_shipped_recording(JobConfig.from_options(options, "aml"), RECORDING)
    script = Script("aml.sql", SCRIPT.read_text(encoding="utf-8"))
    login, kafka = lookup_values(options), kafka_values(options, config)
    run_job(script, config, options, {"LOOKUP_URL": lookup_url(options, config), **login, **kafka})


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline for a command line; the exit code is 0 only if it went well."""
    return run_command(__doc__, AmlOptions, run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
