"""Texts read by a pattern, a batch at a time: a regular expression takes the fields apart, the
calendar in integers puts them together. No text stops a batch: what is no time is NULL."""

from __future__ import annotations

import dataclasses
import datetime
import re

import polars as pl

from transforms.sql.functions.calendar import DAY_SECONDS, days_of, month_length
from transforms.sql.functions.time_formats import Part, PatternError, Style
from transforms.sql.functions.usual_times import UsualPattern, usual_pattern

_MONTHS = (
    ("Jan", "January"),
    ("Feb", "February"),
    ("Mar", "March"),
    ("Apr", "April"),
    ("May", "May"),
    ("Jun", "June"),
    ("Jul", "July"),
    ("Aug", "August"),
    ("Sep", "September"),
    ("Oct", "October"),
    ("Nov", "November"),
    ("Dec", "December"),
)
_WEEKDAYS = (
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Fri", "Friday"),
    ("Sat", "Saturday"),
    ("Sun", "Sunday"),
)
_OFFSETS = {"1": r"[+-]\d{2}(?:\d{2})?", "2": r"[+-]\d{4}", "3": r"[+-]\d{2}:\d{2}"}


@dataclasses.dataclass(frozen=True)
class Reader:
    """Reads texts of one pattern; `expression` has a named group for every field."""

    expression: str
    groups: tuple[Part, ...]
    style: Style
    usual: UsualPattern | None = None
    """The pattern's fixed form where it has one: then most texts are read by it alone."""
    optional: int = 0
    """How many of the last groups may be missing; they are then the field's least value."""

    def read(self, texts: pl.Series) -> pl.DataFrame:
        """Columns `seconds` and `nanos` of the local time since 1970, both Int64 and NULL where
        the text is no time of the pattern, and `offset`, seconds east of UTC, NULL where the text
        has none."""
        if self.usual is None:
            return self._by_fields(texts)
        micros = self.usual.micros(texts)
        found = micros.to_frame("micros").select(
            seconds=pl.col("micros") // 1_000_000,
            nanos=pl.col("micros") % 1_000_000 * 1_000,
            offset=pl.lit(None, pl.Int64()),
        )
        if micros.null_count() == texts.null_count():
            return found
        # Few texts as a rule: they alone go the long way.
        others = (micros.is_null() & texts.is_not_null()).arg_true()
        rest = self._by_fields(texts.gather(others))
        return pl.DataFrame([found[name].scatter(others, rest[name]) for name in found.columns])

    def usual_micros(self, texts: pl.Series) -> pl.Series | None:
        """Microseconds since 1970, if every text of the batch has the usual form; else None."""
        if self.usual is None:
            return None
        micros = self.usual.micros(texts)
        return micros if micros.null_count() == texts.null_count() else None

    def _by_fields(self, texts: pl.Series) -> pl.DataFrame:
        if not self.groups:
            return self._resolved(texts.str.contains(self.expression).to_frame("found"))
        frame = texts.str.extract_groups(self.expression).struct.unnest()
        required = range(len(self.groups) - self.optional)
        return self._resolved(
            frame.with_columns(
                [
                    *(self._number(part, f"g{index}") for index, part in enumerate(self.groups)),
                    *(
                        (pl.col(f"g{index}").str.len_chars() == 2).alias(f"g{index}_two")
                        for index, part in enumerate(self.groups)
                        if part.letter in "yu"
                    ),
                ]
            ).with_columns(
                *(
                    pl.col(f"g{index}").fill_null(1 if part.letter in "Md" else 0)
                    for index, part in enumerate(self.groups)
                    if index not in required
                ),
                found=pl.all_horizontal(pl.col(f"g{index}").is_not_null() for index in required),
            )
        )

    def _number(self, part: Part, name: str) -> pl.Expr:
        """A group as Int64: its number, its place in a list of names, or seconds of an offset."""
        value = pl.col(name)
        match part.letter:
            case "M" | "L" if part.count > 2:
                number = _index_of(value, _MONTHS)
            case "E":
                number = _index_of(value, _WEEKDAYS)
            case "a":
                number = (value.str.to_lowercase() == "pm").cast(pl.Int64())
            case "Z" | "X" | "x":
                number = _offset_seconds(value)
            case "S" if self.style is not Style.LENIENT:
                number = value.str.pad_end(9, "0").cast(pl.Int64(), strict=False)
            case _:
                number = value.cast(pl.Int64(), strict=False)
        return number.alias(name)

    def _field(self, letters: str, default: int) -> pl.Expr:
        # A field that stands twice counts as it stands last.
        for index in reversed(range(len(self.groups))):
            if self.groups[index].letter in letters:
                return pl.col(f"g{index}")
        return pl.lit(default, pl.Int64())

    def _has(self, letters: str) -> bool:
        return any(part.letter in letters for part in self.groups)

    def _year(self) -> pl.Expr:
        for index, part in enumerate(self.groups):
            if part.letter in "yu" and part.count == 2:
                year = pl.col(f"g{index}")
                if self.style is not Style.LENIENT:
                    return year + 2000
                # SimpleDateFormat: two digits are within 80 years before and 20 after today.
                first = datetime.datetime.now(tz=datetime.timezone.utc).year - 80
                near = year + first // 100 * 100
                near = pl.when(near < first).then(near + 100).otherwise(near)
                return pl.when(pl.col(f"g{index}_two")).then(near).otherwise(year)
        return self._field("yu", 1970)

    def _hour(self) -> pl.Expr:
        if self._has("Hk"):
            hour = self._field("Hk", 0)
            return hour % 24 if self._has("k") else hour
        if self._has("hK") and (self._has("a") or self.style is Style.LENIENT):
            hour = self._field("hK", 0)
            return (hour % 12 if self._has("h") else hour) + 12 * self._field("a", 0)
        return pl.lit(0, pl.Int64())

    def _resolved(self, frame: pl.DataFrame) -> pl.DataFrame:
        nanos = self._field("S", 0)
        if self.style is Style.LENIENT:
            nanos = nanos * 1_000_000
        frame = frame.with_columns(
            year=self._year(),
            month=self._field("ML", 1),
            day=self._field("d", 1),
            hour=self._hour(),
            minute=self._field("m", 0),
            second=self._field("s", 0),
            nanos=nanos,
            offset=self._field("ZXx", 0) if self._has("ZXx") else pl.lit(None, pl.Int64()),
        )
        year, month, day = pl.col("year"), pl.col("month"), pl.col("day")
        valid = pl.col("found")
        if self.style is not Style.LENIENT:
            valid = valid & self._in_range()
            if self.style is Style.SMART:
                day = pl.min_horizontal(day, month_length(year, month))
        days = days_of(year, month, day)
        if self._has("D"):
            days = days_of(year, pl.lit(1), pl.lit(1)) + self._field("D", 1) - 1
        if self._has("E") and self.style is not Style.LENIENT:
            # 1970-01-01 was a Thursday.
            valid = valid & ((days + 3) % 7 + 1 == self._field("E", 1))
        seconds = days * DAY_SECONDS + pl.col("hour") * 3600 + pl.col("minute") * 60
        carried = pl.col("nanos") // 1_000_000_000
        return frame.select(
            seconds=pl.when(valid).then(seconds + pl.col("second") + carried),
            nanos=pl.when(valid).then(pl.col("nanos") % 1_000_000_000),
            offset=pl.col("offset"),
        )

    def _midnight(self) -> pl.Expr:
        """24:00:00, the end of a day, which Java reads as the beginning of the next."""
        rest = (pl.col("minute"), pl.col("second"), pl.col("nanos"))
        return (pl.col("hour") == 24) & pl.all_horizontal(part == 0 for part in rest)

    def _in_range(self) -> pl.Expr:
        year, month, day = pl.col("year"), pl.col("month"), pl.col("day")
        valid = (
            month.is_between(1, 12)
            & day.is_between(1, 31)
            & (pl.col("hour").is_between(0, 23) | self._midnight())
            & pl.col("minute").is_between(0, 59)
            & pl.col("second").is_between(0, 59)
            & (year >= 1)
        )
        if self._has("hK") and self._has("a"):
            least, most = (1, 12) if self._has("h") else (0, 11)
            valid = valid & self._field("hK", 0).is_between(least, most)
        if self._has("D"):
            last = pl.when(month_length(year, pl.lit(2)) == 29).then(366).otherwise(365)
            valid = valid & self._field("D", 1).is_between(1, last)
        if self.style is Style.EXACT:
            valid = valid & (day <= month_length(year, month))
        return valid


def reader(parts: tuple[Part, ...], style: Style) -> Reader:
    """The reader of a pattern; PatternError for a field that can be written but not read."""
    groups: list[Part] = []
    expression = ""
    for index, part in enumerate(parts):
        if part.is_text:
            expression += re.escape(part.text).replace("\\ ", " ")
            continue
        follows = parts[index + 1] if index + 1 < len(parts) else None
        # A number that another field follows has as many digits as letters, or it would take all.
        abuts = follows is not None and not follows.is_text
        expression += _group(part, len(groups), abuts, style)
        groups.append(part)
    # SimpleDateFormat stops where the pattern ends; what follows is not looked at.
    end = "" if style is Style.LENIENT else "$"
    return Reader(f"^{expression}{end}", tuple(groups), style, usual_pattern(parts))


def _group(part: Part, index: int, abuts: bool, style: Style) -> str:
    lenient = style is Style.LENIENT
    space = r"\s*" if lenient else ""
    return f"{space}(?P<g{index}>{_digits_or_names(part, abuts, lenient)})"


def _digits_or_names(part: Part, abuts: bool, lenient: bool) -> str:
    letter, count = part.letter, part.count
    if letter == "z" or (letter == "u" and lenient):
        message = (
            f"the field {letter * count!r} can be written but not read; "
            "use Z, X or x for an offset and y for a year"
        )
        raise PatternError(message)
    if letter in ("M", "L") and count > 2:
        return _names(_MONTHS, count, lenient)
    if letter == "E":
        return _names(_WEEKDAYS, count, lenient)
    if letter == "a":
        return "(?i:am|pm)" if lenient else "AM|PM"
    if letter in ("Z", "X", "x"):
        offset = r"[+-]\d{2}:?\d{2}" if letter == "Z" and lenient else ""
        offset = offset or _OFFSETS["2" if letter == "Z" else str(count)]
        return f"Z|{offset}" if letter == "X" else offset
    if lenient:
        return rf"[0-9]{{1,{count}}}" if abuts else "[0-9]{1,9}"
    if letter in ("y", "u"):
        return "[0-9]{1,4}" if count == 1 else f"[0-9]{{{count}}}"
    if letter == "D":
        return f"[0-9]{{{count},3}}"
    return "[0-9]{1,2}" if count == 1 and letter != "S" else f"[0-9]{{{count}}}"


def _names(names: tuple[tuple[str, str], ...], count: int, lenient: bool) -> str:
    if lenient:
        either = "|".join([long for _, long in names] + [short for short, _ in names])
        return f"(?i:{either})"
    return "|".join(long if count == 4 else short for short, long in names)


def _index_of(value: pl.Expr, names: tuple[tuple[str, str], ...]) -> pl.Expr:
    short = value.str.head(3).str.to_lowercase()
    places = {name[0].lower(): place for place, name in enumerate(names, start=1)}
    return short.replace_strict(places, default=None, return_dtype=pl.Int64())


def _offset_seconds(value: pl.Expr) -> pl.Expr:
    digits = value.str.replace_all("[^0-9]", "")
    hours = digits.str.head(2).cast(pl.Int64(), strict=False).fill_null(0)
    minutes = digits.str.slice(2, 2).cast(pl.Int64(), strict=False).fill_null(0)
    east = pl.when(value.str.starts_with("-")).then(-1).otherwise(1)
    return pl.when(value.is_not_null()).then(east * (hours * 3600 + minutes * 60))
