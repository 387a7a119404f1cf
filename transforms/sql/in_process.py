"""The in-process engine: one branch of a plan over frames of source rows."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import polars as pl

from transforms.dead_letters import Refusal
from transforms.lookup import Lookup, LookupFailure
from transforms.sql.envelope_sink import Events
from transforms.sql.evaluate import evaluated
from transforms.sql.expression import NOW, Failure
from transforms.sql.plan import ArrayLookup, Branch, Filter, LookupJoin, Step
from transforms.sql.refusals import Where, any_refused, checks, refuse, without
from transforms.sql.sink_format import PAYLOAD, Registrar, SinkFormat
from transforms.sql.source import POSITION, SourceFrame
from transforms.sql.tables import column_type
from transforms.sql.types import polars_type


class LookupOpener(Protocol):
    """Makes the lookups of a branch; the pipeline hands in one that knows databases."""

    def table(self, step: LookupJoin, columns: Mapping[str, pl.DataType]) -> Lookup: ...

    def query(self, step: ArrayLookup) -> Lookup: ...


class BranchRows(NamedTuple):
    """What a branch makes of a frame: every record of it is in `rows`, refused, or filtered.

    rows: POSITION, PAYLOAD and, where the sink has keys, KEY. filtered: records that gave no row.
    multiplied: rows beyond the first of their record (a looked up key with several rows).
    """

    rows: pl.DataFrame
    refusals: list[Refusal]
    filtered: int
    multiplied: int


class BranchRun:
    """Runs the steps of a branch, its expressions compiled once. A context manager: lookups are
    connected between entering and leaving."""

    def __init__(
        self,
        branch: Branch,
        open_lookup: LookupOpener,
        where: Where,
        registrar: Registrar | None = None,
    ) -> None:
        self.branch = branch
        self._where = where
        self._format = SinkFormat(branch, registrar)
        self._output_failures = [
            failure for _, expression in branch.outputs for failure in expression.failures
        ]
        self._needs_now = NOW in branch.used_columns()
        self._lookups: dict[int, Lookup] = {}
        for number, step in enumerate(branch.steps):
            if isinstance(step, LookupJoin):
                types = {
                    column.name: polars_type(column_type(column))
                    for column in branch.looked_up_columns(step)
                }
                self._lookups[number] = open_lookup.table(step, types)
            elif isinstance(step, ArrayLookup):
                self._lookups[number] = open_lookup.query(step)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> BranchRun:
        for lookup in self._lookups.values():
            self._open.enter_context(lookup)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def lookups(self) -> Sequence[Lookup]:
        return list(self._lookups.values())

    def run(self, source: SourceFrame, now: datetime.datetime) -> BranchRows:
        """The rows and refusals of one frame, whose POSITIONs are distinct."""
        frame = source.frame
        records = frame.height
        refusals = self._refuse(frame, source.failures, "source") if source.any_failed() else []
        frame = without(frame, refusals)
        if self._needs_now:
            frame = frame.with_columns(pl.lit(now, pl.Datetime("us", "UTC")).alias(NOW))
        for number, step in enumerate(self.branch.steps):
            if frame.is_empty():
                break
            frame, refused = self._step(number, step, frame)
            refusals += refused
        if frame.is_empty():
            # There may be no columns to project: those of a lookup that no row came to.
            rows = pl.DataFrame(schema={POSITION: pl.Int64(), PAYLOAD: pl.Binary()})
        else:
            rows, refused = self._project(frame)
            refusals += refused
        # Only a lookup gives a record several rows.
        distinct = rows[POSITION].n_unique() if self._lookups else rows.height
        return BranchRows(
            rows, refusals, records - len(refusals) - distinct, rows.height - distinct
        )

    @property
    def writes_events(self) -> bool:
        """Whether the sink's messages are change events."""
        return self._format.envelopes is not None

    def as_events(self, result: BranchRows, events: Events) -> BranchRows:
        """The rows of `run` as change events, where the sink's messages are such."""
        if self._format.envelopes is None or result.rows.is_empty():
            return result
        rows, failures = self._format.envelopes.event_rows(result.rows, events)
        positions = result.rows[POSITION]
        refusals = [self._unwritten(positions[row], message) for row, message in failures]
        # By position: a record that a lookup multiplied is refused once.
        once = list({refusal.position: refusal for refusal in refusals}.values())
        return result._replace(rows=without(rows, once), refusals=[*result.refusals, *once])

    def _step(
        self, number: int, step: Step, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, list[Refusal]]:
        match step:
            case Filter():
                return self._filter(step, frame)
            case LookupJoin():
                return self._join(step, self._lookups[number], frame)
            case ArrayLookup():
                return self._array(step, self._lookups[number], frame)

    def _refuse(
        self, frame: pl.DataFrame, failures: Sequence[Failure], stage: str
    ) -> list[Refusal]:
        if not failures:
            return []
        checked = evaluated(frame.lazy().select(POSITION, *checks(failures)))
        return self._refusals(frame, checked, failures, stage)

    def _refusals(
        self,
        frame: pl.DataFrame,
        checked: pl.DataFrame,
        failures: Sequence[Failure],
        stage: str,
    ) -> list[Refusal]:
        if not any_refused(checked, failures):
            return []
        return refuse(frame, checked, failures, stage, self.branch.name, self._where)

    def _filter(self, step: Filter, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Refusal]]:
        failures = step.condition.failures
        keep = step.condition.value.cast(pl.Boolean).fill_null(value=False).alias("__keep")
        # With POSITION, so that a condition of constants alone has a value a row as well.
        found = evaluated(frame.lazy().select(POSITION, keep, *checks(failures)))
        refusals = self._refusals(frame, found, failures, "filter")
        return without(frame.filter(found["__keep"]), refusals), refusals

    def _keys(
        self, step: LookupJoin | ArrayLookup, frame: pl.DataFrame, lookup: Lookup
    ) -> tuple[pl.DataFrame, pl.DataFrame, list[Refusal]]:
        """The frame without refused keys, and its key columns."""
        expressions = (
            [expression for _, expression in step.keys]
            if isinstance(step, LookupJoin)
            else [step.key]
        )
        failures = [failure for one in expressions for failure in one.failures]
        names = [f"__key.{name}" for name in lookup.keys]
        values = [
            one.value.cast(dtype).alias(name)
            for one, dtype, name in zip(expressions, lookup.keys.values(), names, strict=True)
        ]
        found = evaluated(frame.lazy().select(POSITION, *values, *checks(failures)))
        refusals = self._refusals(frame, found, failures, "lookup")
        keys = without(found, refusals).select(names)
        keys.columns = list(lookup.keys)
        return without(frame, refusals), keys, refusals

    def _join(
        self, step: LookupJoin, lookup: Lookup, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, list[Refusal]]:
        frame, keys, refusals = self._keys(step, frame, lookup)
        with_misses = step.keep_misses and step.residual is None
        found = lookup.join(keys, keep_misses=with_misses)
        refusals += self._lookup_refusals(found.failures, frame)
        joined = _rows_at(frame, found.positions).hstack(
            found.values.rename({name: step.prefix + name for name in found.values.columns})
        )
        if step.residual is not None:
            condition = Filter(step.residual, step.node)
            joined, refused = self._filter(condition, joined)
            refusals += refused
            if step.keep_misses:
                kept = joined[POSITION].unique().implode()
                misses = without(frame.filter(~pl.col(POSITION).is_in(kept)), refusals)
                joined = pl.concat([joined, misses], how="diagonal").sort(
                    POSITION, maintain_order=True
                )
        return without(joined, refusals), refusals

    def _array(
        self, step: ArrayLookup, lookup: Lookup, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, list[Refusal]]:
        frame, keys, refusals = self._keys(step, frame, lookup)
        found = lookup.arrays(keys)
        refusals += self._lookup_refusals(found.failures, frame)
        frame = frame.with_columns(found.values.alias(step.name))
        return without(frame, refusals), refusals

    def _lookup_refusals(
        self, failures: Sequence[LookupFailure], frame: pl.DataFrame
    ) -> list[Refusal]:
        positions = frame[POSITION]
        hidden = "why is not shown, since the job decrypts and it may tell of a value"
        return [
            Refusal(
                position=positions[failure.position],
                stage="lookup",
                error_class=failure.error_class,
                message=hidden if self.branch.hides_values else failure.message,
                statement=self.branch.name,
            )
            for failure in failures
        ]

    def _project(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Refusal]]:
        failures = self._output_failures
        query = frame.lazy().select(POSITION, *self._format.leaves, *checks(failures))
        refused = [f"__refused{number}" for number in range(len(failures))]
        rows = evaluated(query.select(POSITION, *self._format.outputs, *refused))
        refusals = self._refusals(frame, rows, failures, "project")
        encoded = self._format.encode(without(rows, refusals))
        positions = encoded.rows[POSITION]
        # By position: a record that a lookup multiplied is refused once.
        unwritten = {
            positions[row]: self._unwritten(positions[row], message)
            for row, message in encoded.failures
        }
        refusals += unwritten.values()
        return without(encoded.rows, list(unwritten.values())), refusals

    def _unwritten(self, position: int, message: str) -> Refusal:
        if self.branch.hides_values:
            message = "the sink's format does not take a value of the row"
        told = f"{self._where(self.branch.node)}: {message}"
        return Refusal(position, "project", "ValueRefused", told, statement=self.branch.name)


def _rows_at(frame: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
    if len(positions) == frame.height and (positions == _numbers(frame.height)).all():
        # Each row once, as nearly always: nothing to copy.
        return frame
    return frame[positions]


def _numbers(count: int) -> pl.Series:
    return pl.int_range(count, dtype=pl.UInt32, eager=True)
