"""Anchors: where in its log a database was when a snapshot was taken, and their order key.

An event at or after the anchor must sort above it, one before it below. An anchor that is too
early converges as soon as the log is read; one that is too late loses changes.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence

from transforms.anchor_gtid import AnchorError, gtid_place
from transforms.incarnation import Incarnation, Incarnations
from transforms.order_key import LOWEST

__all__ = ["AnchorError", "AnchorPosition", "anchor_position", "read_anchor"]

FORMS = (
    '{"gtid_executed": "uuid:1-9", "server_uuid": "uuid"}, {"gtid_binlog_pos": "0-1-9"}, '
    '{"file": "binlog.000001", "pos": 4} or '
    '{"lsn": "16/B374D848", "xmax": 900, "in_progress": [890]}'
)
_KNOWN = frozenset(
    {
        *("gtid_executed", "server_uuid", "gtid_binlog_pos", "gtid_current_pos"),
        *("file", "pos", "lsn", "xmax", "in_progress", "xmin", "taken_at"),
    }
)
_LARGEST = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class AnchorPosition:
    """What the rows of a snapshot carry, and what `_snapshots` keeps.

    `in_progress` and `xmax` are PostgreSQL's: transactions whose changes the snapshot lacks
    though they may stand before its lsn. `new` are servers that no log has shown yet: they are to
    be stored, or the log counts them in another order. `warnings` are sentences for a person.
    """

    order_key: str
    xmax: int | None = None
    in_progress: tuple[int, ...] = ()
    new: tuple[Incarnation, ...] = ()
    warnings: tuple[str, ...] = ()


def read_anchor(text: str, where: str) -> dict[str, object]:
    """An anchor's JSON text as a mapping. Raises AnchorError, which names `where` it stood."""
    try:
        anchor = json.loads(text)
    except ValueError as error:
        message = f"{where} is no JSON ({error}); expected {FORMS}"
        raise AnchorError(message) from error
    if not isinstance(anchor, dict):
        message = f"{where} holds {text.strip()[:80]!r}; expected {FORMS}"
        raise AnchorError(message)
    return anchor


def anchor_position(
    anchor: Mapping[str, object], source: str, known: Iterable[Incarnation] = ()
) -> AnchorPosition:
    """The order key of an anchor.

    Args:
        anchor: one of FORMS. GTIDs come before a file and position where both are given.
        source: whose incarnations count, as `known` names it.
        known: the incarnations that are stored.

    Raises:
        AnchorError: the anchor has no form that is known, or names servers of which nothing says
            in which order they wrote.
    """
    if unknown := sorted(set(anchor) - _KNOWN):
        message = f"the anchor has {unknown[0]!r}, which no anchor has; expected {FORMS}"
        raise AnchorError(message)
    for name in ("gtid_executed", "gtid_binlog_pos", "gtid_current_pos"):
        if anchor.get(name):
            return _of_gtids(anchor, name, source, [one for one in known if one.source == source])
    if anchor.get("file") is not None or anchor.get("pos") is not None:
        return _of_file(anchor, source, Incarnations(known))
    if anchor.get("lsn") is not None:
        return _of_lsn(anchor, Incarnations(known).counted_by_hand(source))
    if "gtid_executed" in anchor or "gtid_binlog_pos" in anchor:
        # A server that has run no transaction yet: all that its log will show is newer.
        return AnchorPosition(LOWEST)
    message = f"the anchor {dict(anchor)!r} names no position in a log; expected {FORMS}"
    raise AnchorError(message)


def _of_gtids(
    anchor: Mapping[str, object], name: str, source: str, known: Sequence[Incarnation]
) -> AnchorPosition:
    server = anchor.get("server_uuid")
    if server is not None and not isinstance(server, str):
        message = f"the anchor's server_uuid is {server!r}; expected a text"
        raise AnchorError(message)
    place = gtid_place(anchor[name], name, server, source, known)
    key = _key(place.ordinal, place.number, 2**64 - 1, 2**32 - 1)
    return AnchorPosition(key, new=tuple(place.new), warnings=place.warnings)


def _of_file(
    anchor: Mapping[str, object], source: str, incarnations: Incarnations
) -> AnchorPosition:
    file = anchor.get("file")
    found = re.search(r"\.([0-9]+)$", file) if isinstance(file, str) else None
    if found is None or int(found[1]) > _LARGEST:
        message = (
            f"the anchor's file is {file!r}; expected a binlog file's name that ends in '.' and a "
            "number, such as 'binlog.000123'"
        )
        raise AnchorError(message)
    pos = _number(anchor.get("pos"), "pos", "4")
    warnings: tuple[str, ...] = ()
    if source in incarnations.sources_ahead_by_gtid():
        warnings = (
            f"the anchor has a file and a position, but the log of source {source!r} has GTIDs, "
            "which do not compare with them: every event of the log counts as newer than the "
            "snapshot, which is right once the log is read; give gtid_executed to be right at once",
        )
    ordinal = incarnations.counted_by_hand(source)
    return AnchorPosition(_key(ordinal, int(found[1]), pos, 0), warnings=warnings)


def _of_lsn(anchor: Mapping[str, object], ordinal: int) -> AnchorPosition:
    xmax = anchor.get("xmax")
    listed = anchor.get("in_progress") or []
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        message = f"the anchor's in_progress is {listed!r}; expected a list of transaction ids"
        raise AnchorError(message)
    running = tuple(_number(one, "in_progress", "[890, 893]") for one in listed)
    if running and xmax is None:
        message = (
            f"the anchor has in_progress {list(running)!r} and no xmax; expected both, as "
            "pg_current_snapshot() gives them"
        )
        raise AnchorError(message)
    lsn = _lsn(anchor["lsn"])
    warnings: tuple[str, ...] = ()
    if xmax is None:
        warnings = (
            "the anchor has an lsn and no xmax and in_progress: changes of a transaction that was "
            "open at that moment stand before the lsn and are lost, unless none was open; give "
            "those of pg_current_snapshot()",
        )
    return AnchorPosition(
        _key(ordinal, lsn, 0, 0),
        None if xmax is None else _number(xmax, "xmax", "900"),
        running,
        warnings=warnings,
    )


def _lsn(value: object) -> int:
    found = re.fullmatch(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", str(value).strip())
    if isinstance(value, str) and found:
        lsn = int(found[1], 16) << 32 | int(found[2], 16)
        if lsn <= _LARGEST:
            return lsn
    return _number(value, "lsn", "'16/B374D848' or 97500059720")


def _number(value: object, name: str, example: str) -> int:
    # True is an int of Python's, and no position.
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        message = f"the anchor's {name} is {value!r}; expected an integer from 0, as {example}"
        raise AnchorError(message)
    return value


def _key(ordinal: int, major: int, minor: int, tail: int) -> str:
    return f"{ordinal:04x}/{major:016x}/{minor:016x}/{tail:08x}"
