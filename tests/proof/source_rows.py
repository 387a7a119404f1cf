"""The rows and the row changes of a modelled source table `items`."""

from __future__ import annotations

import dataclasses
import random
from decimal import Decimal
from typing import NamedTuple

COLUMNS = ("id", "code", "amount", "note", "extra")
DEFAULT_OF_EXTRA = 7
"""What rows that are older than the column `extra` have in it."""

LONG = "long text "
"""How a note begins that PostgreSQL stores apart and does not send again while it is unchanged."""

# Letter case, separators in keys, keys that look alike once joined, an empty text, other scripts.
_CODES = ("a", "A", "1", "", "a|1", '1","a', "ä", "\\")


class Key(NamedTuple):
    """The primary key: two columns, the later one first in the order of names."""

    id: int
    code: str


class Row(NamedTuple):
    """A row of the table, `extra` with its default where the table does not have it yet."""

    id: int
    code: str
    amount: Decimal
    note: str | None
    extra: int | None

    @property
    def key(self) -> Key:
        return Key(self.id, self.code)

    def moved(self, key: Key) -> Row:
        return self._replace(id=key.id, code=key.code)


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of one row as the log has it; `t` (truncate) has neither key nor rows.

    `missing` are columns that the log does not say again; `has_extra` is the table's form then.
    """

    op: str
    key: Key | None = None
    before: Row | None = None
    after: Row | None = None
    old_key: Key | None = None
    new_key: Key | None = None
    missing: tuple[str, ...] = ()
    has_extra: bool = True


Rows = dict[Key, Row]


def some_keys(random_numbers: random.Random) -> list[Key]:
    """The few keys of a history: few, so that each is deleted, taken again and moved often."""
    count = random_numbers.randint(3, 9)
    every = [Key(number, code) for number in (1, 2, 11) for code in _CODES]
    return random_numbers.sample(every, count)


class RowChanges:
    """Draws changes of `rows` and applies them to it."""

    def __init__(
        self, random_numbers: random.Random, keys: list[Key], *, sends_all: bool, has_extra: bool
    ) -> None:
        self.rows: Rows = {}
        self.has_extra = has_extra
        self._random = random_numbers
        self._keys = keys
        self._sends_all = sends_all
        self._written = 0

    def row(self, key: Key) -> Row:
        """A new row, unlike every other."""
        extra = self._extra() if self.has_extra else DEFAULT_OF_EXTRA
        return Row(key.id, key.code, self._amount(), self._note(), extra)

    def draw(self, locked: frozenset[Key] = frozenset()) -> list[Change]:
        """One statement's changes, already in `rows`; empty when every key is locked.

        A change of the key is a delete and a create, as Debezium has it.
        """
        free = [key for key in self._keys if key not in locked]
        if not free:
            return []
        key = self._random.choice(free)
        old = self.rows.get(key)
        if old is None:
            return [self._put(Change("c", key, None, self.row(key), has_extra=self.has_extra))]
        kind = self._random.random()
        if kind < 0.25:
            return [self._put(self._delete(old))]
        targets = [other for other in free if other not in self.rows]
        if kind < 0.42 and targets:
            return self._move(old, self._random.choice(targets))
        new = self._changed(old)
        return [self._put(self._update(old, new))]

    def update(self, key: Key) -> Change:
        """An update of the row of `key`."""
        old = self.rows[key]
        return self._put(self._update(old, self._changed(old)))

    def insert(self, key: Key) -> Change:
        return self._put(Change("c", key, None, self.row(key), has_extra=self.has_extra))

    def truncate(self) -> Change:
        self.rows.clear()
        return Change("t", has_extra=self.has_extra)

    def _put(self, change: Change) -> Change:
        assert change.key is not None
        if change.after is None:
            del self.rows[change.key]
        else:
            self.rows[change.key] = change.after
        return change

    def _delete(self, old: Row, new_key: Key | None = None) -> Change:
        return Change("d", old.key, old, None, new_key=new_key, has_extra=self.has_extra)

    def _update(self, old: Row, new: Row) -> Change:
        missing = self._missing(old, new)
        return Change("u", old.key, old, new, missing=missing, has_extra=self.has_extra)

    def _move(self, old: Row, key: Key) -> list[Change]:
        new = (self._changed(old) if self._random.random() < 0.3 else old).moved(key)
        missing = self._missing(old, new)
        create = Change(
            "c", key, None, new, old_key=old.key, missing=missing, has_extra=self.has_extra
        )
        return [self._put(self._delete(old, key)), self._put(create)]

    def _missing(self, old: Row, new: Row) -> tuple[str, ...]:
        is_stored_apart = new.note is not None and new.note.startswith(LONG)
        return ("note",) if is_stored_apart and old.note == new.note and not self._sends_all else ()

    def _changed(self, old: Row) -> Row:
        note = self._note() if self._random.random() < 0.4 else old.note
        extra = self._extra() if self.has_extra and self._random.random() < 0.5 else old.extra
        return old._replace(amount=self._amount(), note=note, extra=extra)

    def _amount(self) -> Decimal:
        self._written += 1
        return Decimal(self._written * 100 + self._random.randint(0, 99)) / 100

    def _note(self) -> str | None:
        kind = self._random.random()
        if kind < 0.2:
            return None
        return f"{LONG if kind < 0.7 else ''}{self._random.randint(0, 999999)}"

    def _extra(self) -> int | None:
        return self._random.choice([None, 0, DEFAULT_OF_EXTRA, 8, 9])
