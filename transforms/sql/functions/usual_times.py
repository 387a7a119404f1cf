"""The fast way for texts of the usual patterns: all fields numbers of a fixed width."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.sql.functions.time_formats import Part

_WIDTHS = {"y": 4, "u": 4, "M": 2, "d": 2, "H": 2, "m": 2, "s": 2}
_LEAST = {"y": 1, "M": 1, "d": 1, "H": 0, "m": 0, "s": 0}
_MOST = {"y": 9_999, "M": 12, "d": 31, "H": 23, "m": 59, "s": 59}
_DAY_MICROS = 86_400_000_000

Numbers = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class UsualPattern:
    """A pattern in which every text has the same length.

    fields: letter, first byte and width of each. texts: place and byte of what stands between.
    """

    length: int
    fields: tuple[tuple[str, int, int], ...]
    texts: tuple[tuple[int, int], ...]

    def micros(self, values: pl.Series) -> pl.Series:
        """Microseconds since 1970 of the texts that have just this form and name a real time;
        NULL for all others."""
        array = values.alias("").to_arrow(compat_level=pl.CompatLevel.oldest())
        _, offsets, data = array.buffers()
        if offsets is None or data is None or not len(array):
            return pl.Series([None] * len(array), dtype=pl.Int64)
        bounds = np.frombuffer(memoryview(offsets), np.int64)[array.offset :][: len(array) + 1]
        octets = np.frombuffer(memoryview(data), np.uint8)
        fits = np.diff(bounds) == self.length
        if fits.all():
            matrix = octets[bounds[0] : bounds[-1]].reshape(len(array), self.length)
            micros, valid = self._read(matrix)
        else:
            places = np.flatnonzero(fits)
            matrix = octets[bounds[places][:, None] + np.arange(self.length)]
            micros, valid = np.zeros(len(array), np.int64), np.zeros(len(array), np.bool_)
            micros[places], valid[places] = self._read(matrix)
        if array.null_count:
            # Under a NULL may lie the bytes of a time.
            valid &= np.asarray(array.is_valid())
        none = pl.Series([None], dtype=pl.Int64)
        real: pl.Series = pl.Series(micros).zip_with(pl.Series(valid), none)
        return real

    def _read(self, matrix: npt.NDArray[np.uint8]) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        valid = np.ones(len(matrix), np.bool_)
        for place, octet in self.texts:
            valid &= matrix[:, place] == octet
        numbers: dict[str, Numbers] = {}
        for letter, start, width in self.fields:
            digits = matrix[:, start : start + width] - np.uint8(ord("0"))
            valid &= (digits <= 9).all(axis=1)
            number = digits.astype(np.int64) @ (10 ** np.arange(width - 1, -1, -1, dtype=np.int64))
            valid &= (number >= _LEAST[letter]) & (number <= _MOST[letter])
            # What is invalid must not make the calendar overflow.
            numbers[letter] = np.where(valid, number, _LEAST[letter])
        months = ((numbers["y"] - 1970) * 12 + numbers["M"] - 1).astype("datetime64[M]")
        days = months.astype("datetime64[D]").astype(np.int64) + numbers["d"] - 1
        next_month = (months + 1).astype("datetime64[D]").astype(np.int64)
        valid &= days < next_month
        clock = sum(
            numbers.get(letter, np.int64(0)) * seconds
            for letter, seconds in (("H", 3_600), ("m", 60), ("s", 1))
        )
        return days * _DAY_MICROS + np.int64(1_000_000) * clock, valid


def usual_pattern(parts: tuple[Part, ...]) -> UsualPattern | None:
    """The fixed form of a pattern; None unless it is a date of fixed width, with or without a
    time of day to the second."""
    fields: list[tuple[str, int, int]] = []
    texts: list[tuple[int, int]] = []
    length = 0
    for part in parts:
        if part.is_text:
            octets = part.text.encode()
            texts += [(length + place, octet) for place, octet in enumerate(octets)]
            length += len(octets)
            continue
        width = part.count
        letter = "y" if part.letter == "u" else part.letter
        if _WIDTHS.get(part.letter) != width or letter in [known for known, _, _ in fields]:
            return None
        fields.append((letter, length, width))
        length += width
    if not {"y", "M", "d"} <= {letter for letter, _, _ in fields}:
        return None
    return UsualPattern(length, tuple(fields), tuple(texts))
