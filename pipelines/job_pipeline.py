"""The Beam pipeline of an SQL job: its sources, statements and sinks wired together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from pipelines.lookups import DatabaseLookups
from pipelines.options import JobConfig
from pipelines.runners import Runner
from pipelines.sinks import Batches, SchemaRegistrar, write_dead_letters, write_rows
from pipelines.sources import Source
from transforms.dead_letters import Origin
from transforms.sql.plan import Plan
from transforms.sql.run import JobText, RunStatements


def build(
    pipeline: beam.Pipeline,
    text: JobText,
    plan: Plan,
    sources: Sequence[Source],
    config: JobConfig,
    runner: Runner,
    origin: Origin,
) -> None:
    """Adds a job to a pipeline: every source is read once, whatever reads it."""
    ends = not config.follow
    rows: dict[str, list[Batches]] = {sink.name: [] for sink in plan.sinks()}
    letters: list[Batches] = []
    for source in sources:
        name = source.table.name
        sinks = dict.fromkeys(branch.sink.name for branch in plan.reading(source.table))
        records: Any = pipeline | f"Read {name}" >> source.read
        outputs = records | f"Run {name}" >> RunStatements(
            text=text,
            source=name,
            sinks=tuple(sinks),
            schemas=source.schemas,
            open_lookup=DatabaseLookups(),
            decoder=config.decoder,
            origin=origin,
            registrar=SchemaRegistrar(),
        )
        for sink, batches in outputs.rows.items():
            rows[sink].append(batches)
        letters.append(outputs.dead_letters)
    for table in plan.sinks():
        letters += write_rows(table, tuple(rows[table.name]), runner, origin, ends=ends)
    write_dead_letters(tuple(letters), config, ends=ends)
