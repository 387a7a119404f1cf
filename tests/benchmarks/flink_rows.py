"""What is compared before anything is measured: JSON rows, however they were written."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

_SHOWN = 3
# A fraction's zeros say nothing: 12:00:00 and 12:00:00.000 are the same moment.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d*?)0*)?")


class OtherRows(RuntimeError):
    """Two ways of doing the work make other rows; the message has some of them."""


def canonical(payload: bytes) -> str:
    """One text for all JSON of the same row: names in order, numbers by their value, moments
    without trailing zeros, and no fields that are NULL. Raises ValueError."""
    row = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
    return json.dumps(_simple(row), sort_keys=True, ensure_ascii=False)


def _simple(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _simple(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_simple(one) for one in value]
    if isinstance(value, Decimal):
        return ["number", format(value.normalize(), "f")]
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value)):
        day, clock, fraction = found.groups()
        return f"{day} {clock}" + (f".{fraction}" if fraction else "")
    return value


def multiset(payloads: Iterable[bytes]) -> Counter[str]:
    return Counter(map(canonical, payloads))


def check_same(
    name: str, found: Counter[str], reference: str, wanted: Counter[str], *, once: bool
) -> None:
    """Raises OtherRows unless `found` has the rows of `wanted`.

    Args:
        once: whether each row must be there as often; else it may have come twice.
    """
    missing = wanted - found if once else Counter({row: 1 for row in wanted if row not in found})
    extra = found - wanted if once else Counter({row: 1 for row in found if row not in wanted})
    if missing or extra:
        lines = [f"{name} makes other rows than {reference} ({found.total()}, {wanted.total()}):"]
        for which, rows in ((f"only {reference}", missing), (f"only {name}", extra)):
            lines += [f"  {which}: {row}" for row in sorted(rows)[:_SHOWN]]
        raise OtherRows("\n".join(lines))
