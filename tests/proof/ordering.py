"""What a history's steps are in the warehouse: rows of log and snapshot with their order keys.

The product's own code makes the keys: `transforms.order_key`, `transforms.incarnation` and
`transforms.anchor`. Since a call costs as much for one row as for hundreds, the records of many
histories share calls: each has a source name of its own, so that none knows of another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence

import polars as pl

from tests.proof.connector import Record
from tests.proof.history import Anchored, Compacted, History, Loaded, NewLife, Step
from tests.proof.reading import Batch, Rewrite
from tests.proof.source_log import Flavour
from tests.proof.source_rows import Rows
from transforms.anchor import AnchorError, AnchorPosition, anchor_position
from transforms.incarnation import Incarnation, Incarnations
from transforms.order_key import LOWEST, order_keys

_MYSQL_FIELDS = {"gtid": pl.String, "file": pl.String, "pos": pl.Int64, "row": pl.Int64}
_POSTGRESQL_FIELDS = {"txId": pl.Int64, "lsn": pl.Int64}
_CONNECTORS = {"mysql_gtid": "mysql", "mysql_file": "mysql"}


@dataclasses.dataclass(frozen=True)
class Appended:
    """Rows that one bundle appends to the log."""

    records: Sequence[Record]
    keys: Sequence[str]
    tick: float


@dataclasses.dataclass(frozen=True)
class SnapshotWritten:
    """The snapshot's rows, its anchor's order key and the transactions that it does not see."""

    rows: Rows
    has_extra: bool
    position: AnchorPosition


Effect = Appended | SnapshotWritten | Compacted
Asked = Generator[list[Record], list[str], None]
"""Yields records whose order keys it needs to go on."""


def _as_it_is(key: str, record: Record, number: int) -> str:
    return key


def _anchor_as_it_is(position: AnchorPosition, anchored: Anchored, number: int) -> AnchorPosition:
    return position


@dataclasses.dataclass(frozen=True)
class OrderRules:
    """What a mutation may change about the order. `number` counts the log's rows so far."""

    log_key: Callable[[str, Record, int], str] = _as_it_is
    anchor: Callable[[AnchorPosition, Anchored, int], AnchorPosition] = _anchor_as_it_is
    carries_forward: bool = True
    anchors_late: bool = False


THE_ORDER = OrderRules()
"""The product's rules as they are."""


def ordered(
    flavour: Flavour, histories: Sequence[History], rules: OrderRules = THE_ORDER
) -> list[list[Effect]]:
    """The effects of each history, in the order of its steps. All are of one flavour."""
    shared = _KeyMaker(flavour, rules)
    runs = [_Run(history, shared) for history in histories]
    going = [(run, run.steps()) for run in runs]
    waiting = [(run, steps, asked) for run, steps in going if (asked := next(steps, None))]
    while waiting:
        answers = shared.keys([(run.name, asked) for run, _, asked in waiting])
        going = [(run, steps) for run, steps, _ in waiting]
        waiting = [
            (run, steps, asked)
            for (run, steps), answer in zip(going, answers, strict=True)
            if (asked := _next(steps, answer))
        ]
    return [run.effects for run in runs]


def _next(steps: Asked, answer: list[str]) -> list[Record] | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


class _KeyMaker:
    """The incarnations of all sources, and calls on behalf of many."""

    def __init__(self, flavour: Flavour, rules: OrderRules) -> None:
        self.rules = rules
        self.incarnations = Incarnations()
        self._known: dict[str, list[Incarnation]] = {}
        self._connector = _CONNECTORS.get(flavour, flavour)
        self._fields = _POSTGRESQL_FIELDS if flavour == "postgresql" else _MYSQL_FIELDS
        fields = {"connector": pl.String, "name": pl.String, "snapshot": pl.String}
        self._type = pl.Struct({**fields, "ts_ms": pl.Int64, **self._fields})

    def known(self, name: str) -> list[Incarnation]:
        for new in self.incarnations.take_new():
            self._known.setdefault(new.source, []).append(new)
        return self._known.get(name, [])

    def keys(self, asked: Sequence[tuple[str, list[Record]]]) -> list[list[str]]:
        """The order keys of records of many sources that all have coordinates of their own."""
        keys = self._keys([(name, record) for name, records in asked for record in records], None)
        answers = []
        for _, records in asked:
            answers.append(keys[: len(records)])
            keys = keys[len(records) :]
        return answers

    def filled(self, name: str, batch: Batch, newest: str | None) -> list[str]:
        """The order keys of one batch with records that lack coordinates."""
        keys = self._keys([(name, record) for record in batch.records], newest)
        if self.rules.carries_forward:
            return keys
        lacking = [lacks_coordinates(record) for record in batch.records]
        return [LOWEST if lacks else key for key, lacks in zip(keys, lacking, strict=True)]

    def _keys(self, named: Sequence[tuple[str, Record]], newest: str | None) -> list[str]:
        rows = [
            {
                "connector": self._connector,
                "name": name,
                "snapshot": record.snapshot,
                "ts_ms": record.source["ts_ms"],
                **{field: record.source.get(field) for field in self._fields},
            }
            for name, record in named
        ]
        ops = pl.Series([record.change.op for _, record in named], dtype=pl.String)
        found = order_keys(pl.Series("source", rows, self._type), ops, self.incarnations, newest)
        errors = found.errors.drop_nulls()
        assert errors.is_empty(), errors[0]
        return found.order_key.to_list()


def lacks_coordinates(record: Record) -> bool:
    """A row that was read takes the newest order key before it, unless PostgreSQL has its lsn."""
    return record.snapshot != "false" and record.source.get("lsn") is None


class _Run:
    """One history on its way into the warehouse."""

    def __init__(self, history: History, shared: _KeyMaker) -> None:
        self.name = history.name
        self.effects: list[Effect] = []
        self._history = history
        self._shared = shared
        self._newest: dict[int, str] = {}
        self._written: dict[int, Appended] = {}
        self._count = 0
        self._refused: Anchored | None = None
        self._delayed: list[Loaded | Compacted] = []
        self._position: AnchorPosition | None = None

    def steps(self) -> Asked:
        waiting: list[Step] = []
        for step in self._history.steps:
            needs_keys_before = isinstance(step, (NewLife, Anchored)) or _is_filled(step)
            if needs_keys_before and waiting:
                yield from self._take(waiting)
                waiting = []
            if needs_keys_before:
                self._take_one(step)
            else:
                waiting.append(step)
        yield from self._take(waiting)
        if self._refused is not None:
            self._position = self._anchor_at_last(self._refused)
            for delayed in self._delayed:
                self._take_one(delayed)

    def _take(self, steps: list[Step]) -> Asked:
        batches = [step for step in steps if isinstance(step, Batch)]
        records = [record for batch in batches for record in batch.records]
        keys = (yield records) if records else []
        for step in steps:
            if isinstance(step, Batch):
                self._append(step, keys[: len(step.records)])
                keys = keys[len(step.records) :]
            else:
                self._take_one(step)

    def _take_one(self, step: Step) -> None:
        if isinstance(step, Batch):
            before = None if step.is_again else self._newest.get(step.records[0].partition)
            self._append(step, self._shared.filled(self.name, step, before))
        elif isinstance(step, Rewrite):
            self._append_again(step)
        elif isinstance(step, NewLife):
            self._shared.incarnations.add(self.name)
        elif isinstance(step, Anchored):
            try:
                self._position = self._anchor(step)
            except AnchorError:
                self._refused = step
        elif self._position is None and self._refused is not None:
            self._delayed.append(step)
        elif isinstance(step, Loaded):
            assert self._position is not None
            self.effects.append(SnapshotWritten(step.rows, step.has_extra, self._position))
        else:
            self.effects.append(step)

    def _anchor_at_last(self, step: Anchored) -> AnchorPosition:
        """The anchor was refused, since the log had not shown its servers: now it is read. Those
        that it has not shown even so wrote nothing since it began, and a person leaves them out."""
        try:
            return self._anchor(step)
        except AnchorError:
            return self._anchor(self._shown_alone(step))

    def _shown_alone(self, step: Anchored) -> Anchored:
        known = {incarnation.identity for incarnation in self._shared.known(self.name)}
        return dataclasses.replace(
            step,
            anchor=_without_servers(step.anchor, known),
            late_anchor=_without_servers(step.late_anchor, known),
        )

    def _anchor(self, step: Anchored) -> AnchorPosition:
        rules, known = self._shared.rules, self._shared.known(self.name)
        anchor = step.late_anchor if rules.anchors_late else step.anchor
        position = anchor_position(anchor, self.name, known)
        for new in position.new:
            ordinal = self._shared.incarnations.ordinal(self.name, new.identity)
            assert ordinal == new.ordinal
        return rules.anchor(position, step, self._count)

    def _append(self, batch: Batch, keys: list[str]) -> None:
        rule = self._shared.rules.log_key
        own = [
            rule(key, record, self._count + place)
            for place, (key, record) in enumerate(zip(keys, batch.records, strict=True))
        ]
        appended = Appended(batch.records, own, batch.tick)
        self._count += len(own)
        self.effects.append(appended)
        if not batch.is_again:
            self._written[batch.number] = appended
            partition = batch.records[0].partition
            self._newest[partition] = max(self._newest.get(partition, LOWEST), *keys)

    def _append_again(self, step: Rewrite) -> None:
        first = self._written[step.number]
        records = [first.records[place] for place in step.chosen]
        keys = [first.keys[place] for place in step.chosen]
        self.effects.append(Appended(records, keys, first.tick))


def _without_servers(anchor: Mapping[str, object], known: set[str]) -> Mapping[str, object]:
    kept = [part for part in _gtids(anchor) if _server(part) in known]
    name = "gtid_executed" if "gtid_executed" in anchor else "gtid_binlog_pos"
    return {**anchor, name: ",".join(kept)}


def _gtids(anchor: Mapping[str, object]) -> list[str]:
    text = str(anchor.get("gtid_executed") or anchor.get("gtid_binlog_pos") or "")
    return text.split(",") if text else []


def _server(gtid: str) -> str:
    """The server's uuid of `uuid:1-9`, or the domain of `0-1-9`."""
    return gtid.partition(":")[0] if ":" in gtid else gtid.partition("-")[0]


def _is_filled(step: Step) -> bool:
    return isinstance(step, Batch) and any(lacks_coordinates(record) for record in step.records)
