"""Times written by a pattern."""

from __future__ import annotations

import polars as pl

from transforms.sql.functions.time_formats import Part, PatternError, Style

# chrono's words for the fields that both know; polars writes them in one pass.
_CHRONO = {
    ("y", 4): "%Y",
    ("u", 4): "%Y",
    ("y", 2): "%y",
    ("M", 1): "%-m",
    ("M", 2): "%m",
    ("M", 3): "%b",
    ("M", 4): "%B",
    ("d", 1): "%-d",
    ("d", 2): "%d",
    ("D", 1): "%-j",
    ("D", 3): "%j",
    ("E", 1): "%a",
    ("E", 2): "%a",
    ("E", 3): "%a",
    ("E", 4): "%A",
    ("a", 1): "%p",
    ("H", 1): "%-H",
    ("H", 2): "%H",
    ("h", 1): "%-I",
    ("h", 2): "%I",
    ("m", 1): "%-M",
    ("m", 2): "%M",
    ("s", 1): "%-S",
    ("s", 2): "%S",
    ("S", 3): "%3f",
    ("z", 1): "%Z",
    ("z", 2): "%Z",
    ("z", 3): "%Z",
    ("Z", 1): "%z",
    ("Z", 2): "%z",
    ("Z", 3): "%z",
    ("x", 2): "%z",
    ("x", 3): "%:z",
}


def written(
    time: pl.Expr, parts: tuple[Part, ...], style: Style, year: pl.Expr | None = None
) -> pl.Expr:
    """`time` (Datetime; with a zone if the pattern shows one) as the pattern writes it.

    Args:
        year: the year to write in place of the one in `time`, for years that polars lacks.
    """
    pieces: list[pl.Expr] = []
    run = ""
    for part in parts:
        word = part.text.replace("%", "%%") if part.is_text else _word(part, style, year)
        if word is not None:
            run += word
            continue
        if run:
            pieces.append(time.dt.to_string(run))
            run = ""
        pieces.append(_piece(time, part, style, year))
    if run:
        pieces.append(time.dt.to_string(run))
    if not pieces:
        return pl.when(time.is_not_null()).then(pl.lit(""))
    return pl.concat_str(pieces)


def shows_zone(parts: tuple[Part, ...]) -> bool:
    return any(part.letter in ("z", "Z", "X", "x") for part in parts if not part.is_text)


def _word(part: Part, style: Style, year: pl.Expr | None) -> str | None:
    letter = "M" if part.letter == "L" else part.letter
    if letter in "yu" and (year is not None or (letter == "u" and style is Style.LENIENT)):
        return None
    return _CHRONO.get((letter, part.count))


def _padded(number: pl.Expr, digits: int) -> pl.Expr:
    return number.cast(pl.String()).str.zfill(digits)


def _piece(time: pl.Expr, part: Part, style: Style, year: pl.Expr | None) -> pl.Expr:
    letter, count = part.letter, part.count
    if letter == "u" and style is Style.LENIENT:
        return _padded(time.dt.weekday(), count)
    hour = time.dt.hour().cast(pl.Int32())
    match letter:
        case "y" | "u":
            years = time.dt.year() if year is None else year
            if count == 2:
                return _padded(years % 100, 2)
            # SimpleDateFormat writes y as yyyy without its zeros.
            return _padded(years, count)
        case "S":
            return _fraction(time, count, style)
        case "k":
            return _padded((hour + 23) % 24 + 1, count)
        case "K":
            return _padded(hour % 12, count)
        case "X" | "x":
            return _offset(time, count, utc_is_z=letter == "X")
    numbers = {
        "M": time.dt.month(),
        "L": time.dt.month(),
        "d": time.dt.day(),
        "D": time.dt.ordinal_day(),
        "H": hour,
        "h": (hour + 11) % 12 + 1,
        "m": time.dt.minute(),
        "s": time.dt.second(),
    }
    return _padded(numbers[letter], count)


def _fraction(time: pl.Expr, count: int, style: Style) -> pl.Expr:
    nanos = time.dt.nanosecond().cast(pl.Int64())
    if style is Style.LENIENT:
        return _padded(nanos // 1_000_000, count)
    return _padded(nanos // 10 ** (9 - count), count)


def _offset(time: pl.Expr, count: int, utc_is_z: bool) -> pl.Expr:
    numeric = time.dt.to_string("%:z" if count == 3 else "%z")
    if count == 1:
        minutes = numeric.str.slice(3)
        numeric = pl.when(minutes == "00").then(numeric.str.head(3)).otherwise(numeric)
    if not utc_is_z:
        return numeric
    is_utc = numeric.str.contains("^[+]00:?(00)?$")
    return pl.when(is_utc).then(pl.lit("Z")).otherwise(numeric)


def check_writable(parts: tuple[Part, ...], zoned: bool) -> None:
    """PatternError where a time without a zone would have to show one."""
    if shows_zone(parts) and not zoned:
        letters = "".join(part.letter * part.count for part in parts if not part.is_text)
        message = (
            f"the pattern's fields {letters!r} show a time zone, which the value does not have; "
            "CAST it to TIMESTAMP_LTZ or leave z, Z, X and x out"
        )
        raise PatternError(message)
