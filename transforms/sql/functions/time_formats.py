"""Java's patterns of dates and times (yyyy-MM-dd HH:mm:ss), split into their fields."""

from __future__ import annotations

import dataclasses
import enum

LETTERS = "yuMLdDEaHkKhmsSZXxz"
"""The letters of a pattern that are understood."""

_MOST = {"E": 4, "a": 1, "M": 4, "L": 4, "Z": 3, "X": 3, "x": 3, "z": 3, "S": 9}


class Style(enum.Enum):
    """How a pattern is read. Flink has two of Java's ways, by function; EXACT is our own."""

    LENIENT = "SimpleDateFormat"
    """The text may go on behind the pattern, numbers may be shorter or longer, and the 32nd is the
    1st of the next month."""
    SMART = "DateTimeFormatter"
    """The text is the pattern's, digit by digit; the 31st of a shorter month is its last day."""
    EXACT = "exact"
    """As SMART, but a day that the month lacks is no date."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A field of a pattern (`letter` repeated `count` times), or the text between fields."""

    letter: str
    count: int
    text: str = ""

    @property
    def is_text(self) -> bool:
        return self.letter == ""

    @property
    def is_numeric(self) -> bool:
        if self.letter in "ML":
            return self.count <= 2 and not self.is_text
        return self.letter not in ("", "E", "a", "Z", "X", "x", "z")


class PatternError(ValueError):
    """A pattern that cannot be used; the message names the letter."""


def split_pattern(pattern: str) -> tuple[Part, ...]:
    """The parts of a pattern; PatternError for a letter that is not understood."""
    parts: list[Part] = []
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        if letter == "'":
            text, position = _quoted(pattern, position)
            parts.append(Part("", 0, text))
            continue
        if not (letter.isascii() and letter.isalpha()):
            parts.append(Part("", 0, letter))
            position += 1
            continue
        end = position
        while end < len(pattern) and pattern[end] == letter:
            end += 1
        parts.append(_field(pattern, letter, end - position))
        position = end
    return tuple(parts)


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    if pattern.startswith("''", start):
        return "'", start + 2
    text = ""
    position = start + 1
    while position < len(pattern):
        if pattern.startswith("''", position):
            text += "'"
            position += 2
        elif pattern[position] == "'":
            return text, position + 1
        else:
            text += pattern[position]
            position += 1
    message = f"the pattern {pattern!r} opens a quote and does not close it; add a single quote"
    raise PatternError(message)


def _field(pattern: str, letter: str, count: int) -> Part:
    if letter not in LETTERS:
        message = (
            f"the pattern {pattern!r} has the letter {letter!r}, which is not supported; there is: "
            f"{', '.join(LETTERS)}, and text in quotes ('T')"
        )
        raise PatternError(message)
    most = _MOST.get(letter, 9)
    if count > most:
        message = (
            f"the pattern {pattern!r} has {letter!r} {count} times, at most {most} are allowed"
        )
        raise PatternError(message)
    return Part(letter, count)
