"""Reads tables of a database into snapshot tables, in one consistent read.

    python -m pipelines.snapshot --source_name=shop --tables=orders,accounts \\
        --source=postgresql+psycopg://reader@db/shop --warehouse=duckdb:warehouse.duckdb

The place in the database's log is recorded first, so that the god view can tell which changes are
newer than the rows. A snapshot that was made elsewhere, with the place in the log that it is of:

    python -m pipelines.snapshot --source_name=shop --source=json:rows.json --anchor=anchor.json \\
        --warehouse=duckdb:warehouse.duckdb

Exit codes: 0 well, 1 a snapshot was not taken, 2 a flag is wrong.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from kami.errors import ConfigurationError, KamiError
from pipeline_io.bigquery_errors import BigQueryError
from pipeline_io.database import DatabaseError
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.warehouse_errors import WarehouseError
from pipelines import logs
from pipelines.command import FAILED, WRONG_CONFIGURATION, quieten
from pipelines.options import FlagError, parse_options
from pipelines.snapshot_database import snapshot_of_database
from pipelines.snapshot_json import known_types, snapshot_of_json
from pipelines.snapshot_options import SnapshotConfig, SnapshotOptions
from pipelines.snapshot_tables import job_of
from pipelines.snapshot_warehouse import open_store
from transforms.anchor import AnchorError

# A runner tells of a worker's exception by its traceback alone.
_WORKERS_ERROR = re.compile(
    r"^(?:[\w.]+\.)?(?:BigQuery\w*|Snapshot\w*|Warehouse\w*|Database)Error: (.*?)"
    r"(?: \[while running|\Z)",
    re.MULTILINE | re.DOTALL,
)


def run(options: PipelineOptions) -> None:
    config = SnapshotConfig.from_options(options)
    job = job_of(config)
    if config.json_file is None:
        store = open_store(job.warehouse, config.source_name)
        counts = snapshot_of_database(config, job, store, options, logs.tell, _now)
        place = "{}_snapshot"
    else:
        types = known_types(config, job)
        store = open_store(job.warehouse, config.source_name)
        counts = snapshot_of_json(config, store, types, logs.tell, _now)
        place = "{}_snapshot"
        if types is None:
            place = "_snapshot_rows, table {}"
            logs.tell(
                "the columns' types are not known yet: `kami apply` puts the rows in their tables"
            )
    for table, count in counts.items():
        logs.tell(f"{config.source_name}.{place.format(table)}: {count:,} rows")


def main(argv: Sequence[str] | None = None) -> int:
    """Takes the snapshots that a command line asks for; the exit code is 0 only if it went well."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if {"-h", "--help"} & set(arguments):
        quieten()
        sys.stdout.write(_help())
        return 0
    try:
        quieten(arguments, "snapshot")
        options = parse_options(arguments)
        logs.for_workers(options)
        run(options)
    except (FlagError, AnchorError, ConfigurationError, logs.FormatError) as error:
        return _fail(str(error), WRONG_CONFIGURATION)
    except (BigQueryError, DatabaseError, KamiError, SnapshotError, WarehouseError) as error:
        return _fail(str(error), FAILED)
    except Exception as error:
        workers = isinstance(error, RuntimeError)
        found = re.findall(_WORKERS_ERROR, str(error)) if workers else []
        if found:
            return _fail(found[-1].strip(), FAILED)
        return logs.failed(error, FAILED)
    return 0


def _help() -> str:
    parser: Any = argparse.ArgumentParser(
        description=__doc__,
        add_help=False,
        usage=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="All flags of Beam's pipeline options are taken as well.",
    )
    SnapshotOptions._add_argparse_args(parser)  # noqa: SLF001  (Beam's own hook, public by contract)
    return str(parser.format_help())


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _fail(message: str, code: int) -> int:
    logs.tell_error(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
