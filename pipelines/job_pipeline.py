"""The Beam pipeline of an SQL job: its sources, statements and sinks wired together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from pipeline_io.read_metrics import ReadMetrics
from pipelines.dead_letter_sinks import write_dead_letters
from pipelines.lag_group import commit_step
from pipelines.lookups import DatabaseLookups
from pipelines.options import JobConfig
from pipelines.runners import Runner
from pipelines.sinks import Batches, SchemaRegistrar, write_rows
from pipelines.sources import Source
from transforms.dead_letters import Origin
from transforms.sql.beam_sql import RunBeamSql
from transforms.sql.beam_sql_job import MixedJobText, MixedPlan
from transforms.sql.run import RunStatements
from transforms.topic_batches import KeepTopics


def build(
    pipeline: beam.Pipeline,
    text: MixedJobText,
    plan: MixedPlan,
    sources: Sequence[Source],
    config: JobConfig,
    runner: Runner,
    origin: Origin,
    expansion_service: str | None,
) -> None:
    """Adds a job to a pipeline: every source is read once, whatever reads it.

    expansion_service: who knows Beam SQL; None is Beam's own, which Beam fetches and starts.
    """
    ends = not config.follow
    rows: dict[str, list[Batches]] = {}
    letters: list[Batches] = []
    shared: dict[int, Any] = {}
    for source in sources:
        name = source.table.name
        sinks = dict.fromkeys(branch.sink.name for branch in plan.reading(source.table))
        if id(source.read) not in shared:
            read = shared[id(source.read)] = pipeline | f"Read {name}" >> source.read
            if commits := commit_step(config.lag_group, source.read):
                _ = read | f"Commit lag of {name}" >> beam.ParDo(commits)
        records: Any = shared[id(source.read)]
        if sum(other.read is source.read for other in sources) > 1:
            records |= f"Topics of {name}" >> beam.ParDo(KeepTopics(source.topics))
        outputs = records | f"Run {name}" >> RunStatements(
            text=text,
            source=name,
            sinks=tuple(sinks),
            schemas=source.schemas,
            open_lookup=DatabaseLookups(),
            decoder=config.decoder,
            origin=origin,
            registrar=SchemaRegistrar(),
            reading=ReadMetrics(name),
        )
        for sink, batches in outputs.rows.items():
            rows.setdefault(sink, []).append(batches)
        letters.append(outputs.dead_letters)
    for branch in plan.beam_sql:
        inputs = {
            one.name: tuple(rows[one.table.name])
            | f"Rows for {branch.name} {one.name}" >> beam.Flatten()
            for one in branch.inputs
        }
        found = inputs | f"Beam SQL {branch.name}" >> RunBeamSql(
            branch, text, DatabaseLookups(), SchemaRegistrar(), origin, expansion_service
        )
        rows.setdefault(branch.result.sink.name, []).append(found.rows)
        letters.append(found.dead_letters)
    results = (*plan.branches, *(branch.result for branch in plan.beam_sql))
    for table in plan.sinks():
        letters += write_rows(
            table,
            tuple(rows[table.name]),
            runner,
            origin,
            ends=ends,
            schema_evolution=config.schema_evolution,
            hides_values=any(result.hides_values for result in results),
        )
    place = config.dead_letter_place
    write_dead_letters(tuple(letters), place, config.refused_letters, runner, ends=ends)
