"""The Beam side of the in-process engine: one step that runs a source's statements."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection, TaggedOutput

import transforms.sql.functions  # noqa: F401  (registers the functions that scripts call)
from transforms.avro import SchemaSource, choose_decoder
from transforms.commit_times import Reading, tell_commits
from transforms.counters import Counters
from transforms.dead_letter_counts import DeadLetterCounts
from transforms.dead_letters import Origin, dead_letters
from transforms.sql.errors import Script
from transforms.sql.in_process import BranchRun, LookupOpener
from transforms.sql.job import NO_STAND_INS, Job, read_job
from transforms.sql.plan import Plan
from transforms.sql.planner import plan_job
from transforms.sql.settings import OpenKeys
from transforms.sql.sink_format import Registrar
from transforms.sql.source_run import SourceRun
from transforms.sql.stand_ins import StandIns

DEAD_LETTERS = "dead_letters"


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class JobText:
    """A job as what travels to the workers: its script, the values of its variables, what stands
    in for its servers, and who reads its keys. Each worker compiles it again, so that nothing
    compiled has to be pickled."""

    script: Script
    values: Mapping[str, str]
    stand_ins: StandIns = NO_STAND_INS
    open_keys: OpenKeys | None = None

    def compile(self) -> tuple[Job, Plan]:
        """Job and plan. Raises SqlErrors with every mistake of the script."""
        job = read_job(self.script, self.values, self.stand_ins, self.open_keys)
        return job, plan_job(job)


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What the statements of a source give: batches of rows (SINK_ROWS) by the sink's name, and
    batches of dead letters (DEAD_LETTER_SCHEMA)."""

    rows: dict[str, PCollection[pa.RecordBatch]]
    dead_letters: PCollection[pa.RecordBatch]


class _RunStatements(beam.DoFn):
    def __init__(
        self,
        text: JobText,
        source: str,
        schemas: SchemaSource,
        open_lookup: LookupOpener,
        decoder: str,
        origin: Origin,
        registrar: Registrar | None = None,
        reading: Reading | None = None,
    ) -> None:
        self.text = text
        self.source = source
        self.schemas = schemas
        self.open_lookup = open_lookup
        self.registrar = registrar
        self.decoder = decoder
        self.origin = origin
        self.reading = reading
        self._letters = DeadLetterCounts()
        self._run: SourceRun | None = None

    def setup(self) -> None:
        job, plan = self.text.compile()
        source = job.tables[self.source]
        branches = [
            BranchRun(branch, self.open_lookup, job.where, self.registrar)
            for branch in plan.reading(source)
        ]
        self._sinks = {run.branch.name: run.branch.sink.name for run in branches}
        self._counters = {
            run.branch.name: Counters(run.branch.name, lookups=bool(run.lookups()))
            for run in branches
        }
        run = SourceRun(source, branches, self.schemas, choose_decoder(self.decoder), utc_now)
        self._run = run.__enter__()

    def teardown(self) -> None:
        if self._run is not None:
            self._run.__exit__(None, None, None)
            self._run = None

    def process(self, element: pa.RecordBatch) -> Iterator[Any]:
        if self._run is None:
            message = "the step was not set up; the runner must call setup() first"
            raise RuntimeError(message)
        if self.reading is not None:
            self.reading.read(element)
        batch = self._run.process(element)
        if self.reading is not None:
            tell_commits(self.reading, element, batch.groups)
        for run in self._run.branches:
            name = run.branch.name
            rows, counts = batch.branches[name]
            self._counters[name].add(dataclasses.asdict(counts), run.lookups())
            if rows.num_rows:
                yield TaggedOutput(sink_tag(self._sinks[name]), rows)
        if batch.refusals:
            self._letters.add_refusals(self.source, batch.refusals)
            letters = dead_letters(element, batch.refusals, self.origin, utc_now())
            yield TaggedOutput(DEAD_LETTERS, letters)


def sink_tag(sink: str) -> str:
    return f"sink:{sink}"


class RunStatements(beam.PTransform[PCollection[pa.RecordBatch], Any]):
    """All statements of a job that read `source`, over batches of its records (RECORD_SCHEMA);
    gives `Outputs`.

    Each batch is decoded once; every record of it ends, for each statement, in a row of its sink,
    in a dead letter, or in a count of what was filtered or a tombstone.

    reading: measures what is read; None where nobody does.
    """

    def __init__(
        self,
        text: JobText,
        source: str,
        sinks: tuple[str, ...],
        schemas: SchemaSource,
        open_lookup: LookupOpener,
        decoder: str,
        origin: Origin,
        registrar: Registrar | None = None,
        reading: Reading | None = None,
    ) -> None:
        super().__init__()
        self.text = text
        self.source = source
        self.sinks = sinks
        self.schemas = schemas
        self.open_lookup = open_lookup
        self.registrar = registrar
        self.decoder = decoder
        self.origin = origin
        self.reading = reading

    def expand(self, records: PCollection[pa.RecordBatch]) -> Outputs:
        tags = {sink: sink_tag(sink) for sink in self.sinks}
        step = _RunStatements(
            self.text,
            self.source,
            self.schemas,
            self.open_lookup,
            self.decoder,
            self.origin,
            self.registrar,
            self.reading,
        )
        found = records | "RunStatements" >> beam.ParDo(step).with_outputs(
            DEAD_LETTERS, *tags.values()
        )
        rows = {sink: found[tag] for sink, tag in tags.items()}
        return Outputs(rows, found[DEAD_LETTERS])
