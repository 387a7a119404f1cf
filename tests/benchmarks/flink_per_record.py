"""The per-record route from a topic to a topic: what a Beam user writes first.

    python -m tests.benchmarks.flink_per_record --job=SCRIPT.sql

Takes the topics and the lookup out of the script, and does its work with fastavro, a dict, a cached
query for each user, orjson, and one call of the client library a record. It takes other flags of
`pipelines.sql_job` and leaves them alone.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import apache_beam as beam
import sqlalchemy
from apache_beam.options.pipeline_options import PipelineOptions

import pipelines  # noqa: F401
from pipelines.kafka_tables import schema_registry
from pipelines.options import LOCAL_RUNNER
from tests.benchmarks.flink_elements import ReadEach, ShapeEach, WriteEach
from tests.benchmarks.flink_scripts import PASSWORD
from transforms.sql.errors import Script
from transforms.sql.run import JobText
from transforms.sql.tables import Table


def lookup_of(users: Table | None) -> str | None:
    """SQLAlchemy's address of the table's database, with the password in it."""
    if users is None:
        return None
    url = sqlalchemy.make_url(str(users.options["url"]))
    with_login = url.set(username=str(users.options["username"]), password=os.environ[PASSWORD])
    return with_login.render_as_string(hide_password=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", type=Path, required=True)
    flags, _ = parser.parse_known_args()
    text = flags.job.read_text(encoding="utf-8")
    job, _ = JobText(Script(flags.job.name, text), {}).compile()
    items, events = job.tables["items"], job.tables["events"]
    brokers = str(items.options["properties.bootstrap.servers"])
    lookup = lookup_of(job.tables.get("users"))
    with beam.Pipeline(options=PipelineOptions([f"--runner={LOCAL_RUNNER}"])) as pipeline:
        _ = (
            pipeline
            | beam.Create([None], reshuffle=False)
            | "Read" >> beam.ParDo(ReadEach(brokers, str(items.options["topic"])))
            | "Shape" >> beam.ParDo(ShapeEach(schema_registry(items), lookup))
            | "Write" >> beam.ParDo(WriteEach(brokers, str(events.options["topic"])))
        )


if __name__ == "__main__":
    main()
