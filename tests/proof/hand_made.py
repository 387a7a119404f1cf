"""Histories made by hand, for cases that have a name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Decimal

from tests.proof.connector import Record
from tests.proof.history import Anchored, Compacted, History, Loaded, Step
from tests.proof.mutations import Mutation
from tests.proof.ordering import ordered
from tests.proof.reading import Batch, Rewrite
from tests.proof.runs import THE_RULES, sorted_rows
from tests.proof.source_log import Coordinates, Flavour
from tests.proof.source_rows import Change, Key, Row
from tests.proof.trial import Trial

KEY = Key(1, "a")
OTHER = Key(2, "b")


def row(text: str | None, key: Key = KEY) -> Row:
    """A row that is told from others by its note."""
    return Row(key.id, key.code, Decimal("1.50"), text, 7)


def created(text: str, key: Key = KEY) -> Change:
    return Change("c", key, None, row(text, key))


def updated(text: str, key: Key = KEY, missing: tuple[str, ...] = ()) -> Change:
    return Change("u", key, None, row(text, key), missing=missing)


def deleted(key: Key = KEY) -> Change:
    return Change("d", key, row("deleted", key), None)


def moved(text: str, old: Key, new: Key, missing: tuple[str, ...] = ()) -> list[Change]:
    """A change of the key, as Debezium has it."""
    create = Change("c", new, None, row(text, new), old_key=old, missing=missing)
    return [dataclasses.replace(deleted(old), new_key=new), create]


TRUNCATED = Change("t")


def at(seconds: int, file: int, pos: int, **more: object) -> Coordinates:
    """Coordinates in MySQL's binary log."""
    place = {"file": f"binlog.{file:06d}", "pos": pos, "row": 0}
    return {"ts_ms": 1_767_225_600_000 + seconds * 1000, **place, **more}


def at_lsn(seconds: int, lsn: int, transaction: int) -> Coordinates:
    return {"ts_ms": 1_767_225_600_000 + seconds * 1000, "lsn": lsn, "txId": transaction}


@dataclasses.dataclass
class HandMade:
    """What reached the warehouse, in turn, and the table at the end."""

    flavour: Flavour
    final: Sequence[Row]
    steps: list[Step] = dataclasses.field(default_factory=list)
    offset: int = 0

    def sent(self, change: Change, source: Coordinates, snapshot: str = "false") -> HandMade:
        """A record arrives, all in one partition."""
        event = f"{change.op}{sorted(source.items())}"
        record = Record(0, self.offset, 0, change, source, snapshot, 1_767_225_600_000, 0, event)
        self.offset += 1
        number = len(self.steps)
        return self.then(Batch(number, float(number), (record,)))

    def again(self, number: int) -> HandMade:
        """The row of the step with this number is written once more."""
        return self.then(Rewrite(float(len(self.steps)), number, (0,)))

    def read_again(self, number: int) -> HandMade:
        """A new reader reads the record of the step with this number, and the log gets it anew."""
        first, now = self.steps[number], float(len(self.steps))
        assert isinstance(first, Batch)
        return self.then(Batch(-1, now, first.records, is_again=True))

    def compacted(self, *, forgets: bool = False) -> HandMade:
        return self.then(Compacted(float(len(self.steps)), 1.0, forgets))

    def snapshot(self, anchor: Mapping[str, object], *rows: Row) -> HandMade:
        """A snapshot of these rows takes the place of the one before."""
        now = float(len(self.steps))
        self.then(Anchored(now, 1_767_225_600_000, anchor, anchor))
        return self.then(Loaded(now, {each.key: each for each in rows}, True))

    def then(self, step: Step) -> HandMade:
        self.steps.append(step)
        return self

    def seen(self, mutation: Mutation = THE_RULES) -> list[Row]:
        """The rows of the view at the end."""
        rows = {each.key: each for each in self.final}
        history = History(self.flavour, 0, "by hand", self.steps, rows, True)
        (effects,) = ordered(self.flavour, [history], mutation.order)
        with Trial(
            self.flavour, view_sql=mutation.view_sql, forgets_early=mutation.forgets_early
        ) as trial:
            return sorted_rows(trial.rows(history, effects))
