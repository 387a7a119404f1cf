"""Rows of a database for the keys of a batch, grouped by key and typed as declared.

Keys are compared as values of the stream's key type, exactly. A database may be laxer than that
(MySQL's collations find 'ABC' for 'abc', a CHAR column pads with spaces): rows that it returns for
no key that was asked for are left out, and counted.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl

from transforms.lookup_cache import Integers
from transforms.lookup_values import convert_column

Key = tuple[object, ...]
Row = tuple[object, ...]


class LookupKeyError(ValueError):
    """The database refuses a key for its value (type or content); other keys are not concerned."""


class LookupSource(Protocol):
    """What a lookup needs from a database. Entered before use, left afterwards, then reusable."""

    @property
    def name(self) -> str:
        """What is looked up, for messages, as 'table users'; without secrets."""

    @property
    def key_errors(self) -> tuple[type[Exception], ...]:
        """What `fetch` raises when the database refuses the value of some key of the call."""

    @property
    def queries(self) -> int:
        """Queries sent since the source was made, repeated ones included."""

    @property
    def retries(self) -> int:
        """Queries repeated since the source was made."""

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def fetch(self, keys: Sequence[Key]) -> Sequence[Row]:
        """Rows of the distinct keys in any order: the key's values as the database gives them,
        then the wanted columns; the rows of one key are in the order that its array has."""


class Fetched(NamedTuple):
    """The answer for a sequence of keys."""

    counts: Integers  # rows of each key
    rows: pl.DataFrame  # those of the first key, then of the second, ...
    errors: dict[int, Exception]  # by position of the key; such a key has no rows
    unmatched: int  # rows whose key is none of those asked for


def fetch_rows(
    source: LookupSource,
    keys: Sequence[Hashable],
    key_types: Mapping[str, pl.DataType],
    columns: Mapping[str, pl.DataType],
) -> Fetched:
    """What the source has for the distinct keys: bare values for one key column, else tuples.

    Errors by key are LookupValueError (a column's value does not fit) and LookupKeyError. Raises
    ValueError when the source gives another number of columns, and what the source raises.
    """
    number_of = {key: number for number, key in enumerate(keys)}
    asked = [key if isinstance(key, tuple) else (key,) for key in keys]
    errors: dict[int, Exception] = {}
    rows: list[Row] = []
    for first, answer in _ask(source, asked, 0):
        if isinstance(answer, LookupKeyError):
            errors[first] = answer
        else:
            rows.extend(answer)
    if rows and len(rows[0]) != len(key_types) + len(columns):
        message = (
            f"{source.name} gives {len(rows[0]) - len(key_types)} columns; expected "
            f"{len(columns)}: {', '.join(columns)}"
        )
        raise ValueError(message)
    parts = list(zip(*rows, strict=True)) or [()] * (len(key_types) + len(columns))
    numbers = _key_numbers(parts[: len(key_types)], key_types, number_of)
    series = []
    for part, (name, dtype) in zip(parts[len(key_types) :], columns.items(), strict=True):
        values, failures = convert_column(part, dtype, f"{source.name}, column {name!r}")
        series.append(pl.Series(name, values, dtype=dtype))
        for position, error in failures.items():
            if numbers[position] >= 0:
                errors.setdefault(int(numbers[position]), error)
    kept = np.flatnonzero((numbers >= 0) & ~np.isin(numbers, list(errors)))
    # Stable: the rows of a key stay in the order of the database's answer.
    kept = kept[np.argsort(numbers[kept], kind="stable")]
    return Fetched(
        counts=np.bincount(numbers[kept], minlength=len(keys)).astype(np.int64),
        rows=pl.DataFrame(series)[kept],
        errors=errors,
        unmatched=int(np.count_nonzero(numbers < 0)),
    )


def _key_numbers(
    parts: Sequence[Sequence[object]],
    key_types: Mapping[str, pl.DataType],
    number_of: Mapping[Hashable, int],
) -> Integers:
    """Which of the keys each row belongs to, -1 for none.

    A key value that does not fit the stream's type equals no key (MySQL finds 'abc' for 0).
    """
    columns = [
        convert_column(part, dtype, name)[0]
        for part, (name, dtype) in zip(parts, key_types.items(), strict=True)
    ]
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    return np.fromiter((number_of.get(key, -1) for key in keys), np.int64, len(keys))


def _ask(
    source: LookupSource, keys: Sequence[Key], first: int
) -> Iterator[tuple[int, Sequence[Row] | LookupKeyError]]:
    """Answers with the position of their first key; a refused key is found by halving."""
    try:
        yield first, source.fetch(keys)
    except source.key_errors as error:
        if len(keys) == 1:
            yield first, LookupKeyError(str(error))
            return
        half = len(keys) // 2
        yield from _ask(source, keys[:half], first)
        yield from _ask(source, keys[half:], first + half)
