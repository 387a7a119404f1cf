"""The classes of Kryo's values, and how the bytes of its versions differ.

| | Kryo 3 and 4 | Kryo 5 |
|---|---|---|
| float, double, short | the highest byte first | the lowest byte first |
| texts of ASCII that end with a flag | of 2 to 63 characters | of 2 to 32 |
| references, as the library comes | on | off |

With references a text, byte[] and a date have a mark between their class and their value, 01:
the value follows, and is no other place's.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from typing import Literal

BYTE_ARRAY, DATE = "[B", "java.util.Date"


class KryoClass(enum.IntEnum):
    """Numbers of classes: Kryo's own, and from METADATA on those that kryptonite-for-kafka has
    registered the classes by since its first version."""

    NULL = 0
    NAMED = 1
    INT = 2
    STRING = 3
    FLOAT = 4
    BOOLEAN = 5
    BYTE = 6
    SHORT = 8
    LONG = 9
    DOUBLE = 10
    METADATA = 12
    FIELD = 13
    BYTES = 18


NUMBERS = (4, 5)
MARK = 1
ASCII_AT_LEAST = 2
_ASCII_AT_MOST = {4: 63, 5: 32}
DIFFERING_LENGTHS = range(_ASCII_AT_MOST[5] + 1, _ASCII_AT_MOST[4] + 1)
"""Texts of ASCII of these lengths tell one version from the other."""


class KryoError(ValueError):
    """The bytes are no value that is read here; the message holds none of them."""


class OtherKryoError(KryoError):
    """The bytes are a value of another version of Kryo, or of one with the other setting."""


@dataclasses.dataclass(frozen=True)
class KryoForm:
    """What writes the values.

    number: 4 (and 3, which writes the same) or 5. references: whether they are on; None is as the
    library comes, and refuses a value that could as well have a mark.
    """

    number: int = 5
    references: bool | None = None

    @functools.cached_property
    def has_marks(self) -> bool:
        return self.number == 4 if self.references is None else self.references

    @functools.cached_property
    def text_head(self) -> bytes:
        """What stands before a text's own bytes."""
        return bytes([KryoClass.STRING, MARK] if self.has_marks else [KryoClass.STRING])

    @functools.cached_property
    def order(self) -> Literal["<", ">"]:
        """The order of a number's bytes, as `struct` has it."""
        return ">" if self.number == 4 else "<"

    @functools.cached_property
    def ascii_at_most(self) -> int:
        """Characters of the longest text that ends with a flag."""
        return _ASCII_AT_MOST[self.number]

    @functools.cached_property
    def refuses_marks(self) -> bool:
        """Whether a value that fits with a mark too is refused."""
        return self.references is None and not self.has_marks


DEFAULT = KryoForm()
PLAIN = KryoForm(5, references=False)
"""Kryo 5 of which is known that it has no references."""
