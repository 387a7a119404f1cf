"""GTID sets of anchors: which server wrote last, and up to which transaction."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transforms.incarnation import Incarnation, Incarnations, TaggedGtidError


class AnchorError(ValueError):
    """An anchor that gives no order key; the message says what to write instead."""


class GtidPlace(NamedTuple):
    """The incarnation of the newest server or domain, and its last transaction's number."""

    ordinal: int
    number: int
    new: Sequence[Incarnation]
    """Servers of the set that were not known and count from now on, oldest first."""
    warnings: tuple[str, ...] = ()


_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_INTERVAL = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_LARGEST = 2**63 - 1
_MYSQL_NAME, _MYSQL_FORM = "gtid_executed", "'uuid:1-5:7-9,uuid:1-3'"


def gtid_place(
    value: object,
    name: str,
    server_uuid: str | None,
    source: str,
    known: Sequence[Incarnation],
) -> GtidPlace:
    """The place of a GTID set: of `server_uuid` where it has written, else of the newest known.

    Args:
        name: the anchor's member that holds the set: `gtid_executed` is MySQL's.
        known: the incarnations of `source`.

    Raises:
        AnchorError: the set cannot be read, or nothing says in which order its servers and those
            of the log wrote.
    """
    if not isinstance(value, str):
        message = f"the anchor's {name} is {value!r}; expected a text"
        raise AnchorError(message)
    last = _mysql_set(value) if name == _MYSQL_NAME else _mariadb_set(value, name)
    ordinals = {one.identity: one.ordinal for one in known if one.identity}
    written = _of_server(last, server_uuid)
    unknown = [identity for identity in last if identity not in ordinals]
    if written is not None and written in ordinals:
        return GtidPlace(ordinals[written], last[written], ())
    if written is None and len(unknown) < len(last):
        return _of_newest_known(last, ordinals, unknown, name, source)
    # The newest server is one that the log has not shown: it begins after all that were.
    _refuse_unless_ordered(ordinals, last, unknown, written, name, source)
    newest = written or unknown[0]
    incarnations = Incarnations(known)
    # One that wrote before it is counted before it: else its events would sort above.
    for identity in (*(one for one in unknown if one != newest), newest):
        ordinals[identity] = _ordinal(incarnations, source, identity)
    return GtidPlace(ordinals[newest], last[newest], incarnations.take_new())


def _of_newest_known(
    last: Mapping[str, int],
    ordinals: Mapping[str, int],
    unknown: Sequence[str],
    name: str,
    source: str,
) -> GtidPlace:
    """The newest that the log has shown. One that it has not shown may have written before the log
    began or be the newest: as the newest it would be lost changes, without it the anchor is at
    most too early."""
    newest = max((one for one in last if one in ordinals), key=lambda one: ordinals[one])
    warnings: tuple[str, ...] = ()
    if unknown:
        hint = "; give server_uuid to say which wrote last" if name == _MYSQL_NAME else ""
        warnings = (
            f"the anchor's {name} has {_and(unknown)}, which the log of source {source!r} has not "
            f"shown: the snapshot counts as taken at {newest}:{last[newest]}, and changes of the "
            f"log after that count as newer, which is right once the log is read{hint}",
        )
    return GtidPlace(ordinals[newest], last[newest], (), warnings)


def _refuse_unless_ordered(
    ordinals: Mapping[str, int],
    last: Mapping[str, int],
    unknown: Sequence[str],
    written: str | None,
    name: str,
    source: str,
) -> None:
    """Raises AnchorError unless the unknown servers are all after those of the log, and in an
    order: at most one beside the server that wrote last, or one alone."""
    later = [identity for identity in ordinals if identity not in last]
    others = [identity for identity in unknown if identity != written]
    if later:
        message = (
            f"the anchor's {name} lacks {_and(later)}, which the log of source {source!r} has "
            f"shown, and the log has not shown {_and(unknown)}: nothing says which wrote first; "
            f"let pipelines.change_log read the log until it has shown {written or 'one of them'}, "
            "take the snapshot again, or, if the whole log is newer than the snapshot, make the "
            f"anchor's {name} ''"
        )
        raise AnchorError(message)
    if len(others) > 1:
        hint = ', or add "server_uuid"' if name == _MYSQL_NAME and written is None else ""
        order = "wrote first" if written else "wrote last"
        message = (
            f"the anchor's {name} has {len(others)} servers that were never seen in the log of "
            f"source {source!r} ({', '.join(others)}), and nothing says which {order}: run "
            f"pipelines.change_log first{hint}"
        )
        raise AnchorError(message)


def _and(identities: Sequence[str]) -> str:
    return " and ".join(identities)


def _of_server(last: Mapping[str, int], server_uuid: str | None) -> str | None:
    """The identity of the server itself; None where it has written nothing, as a replica."""
    if server_uuid is None:
        return None
    uuid = server_uuid.strip().lower()
    if re.fullmatch(_UUID, uuid) is None:
        message = (
            f"the anchor's server_uuid is {server_uuid!r}; expected what @@server_uuid gives, as "
            "'3e11fa47-71ca-11e1-9e33-c80aa9429562'"
        )
        raise AnchorError(message)
    tags = [identity for identity in last if identity.partition(":")[0] == uuid]
    if len(tags) > 1:
        message = (
            f"the anchor's gtid_executed has transactions of {uuid} under several tags "
            f"({', '.join(tags)}): they have no order; set one tag for all sessions"
        )
        raise AnchorError(message)
    return tags[0] if tags else None


def _ordinal(incarnations: Incarnations, source: str, identity: str) -> int:
    try:
        return incarnations.ordinal(source, identity)
    except TaggedGtidError as error:
        raise AnchorError(str(error)) from error


def _mysql_set(text: str) -> dict[str, int]:
    """{server uuid, with ':tag' where tagged: last transaction number} of `uuid:1-5:7,uuid:...`."""
    last: dict[str, int] = {}
    for part in re.sub(r"\s", "", text).lower().strip(",").split(","):
        uuid, *intervals = part.split(":")
        identity = uuid
        if re.fullmatch(_UUID, uuid) is None or not intervals:
            raise _unreadable(_MYSQL_NAME, part, _MYSQL_FORM)
        for interval in intervals:
            if _TAG.fullmatch(interval):
                identity = f"{uuid}:{interval}"
                continue
            found = _INTERVAL.fullmatch(interval)
            number = int(found[2] or found[1]) if found else 0
            if not 1 <= number <= _LARGEST:
                raise _unreadable(_MYSQL_NAME, part, _MYSQL_FORM)
            last[identity] = max(last.get(identity, 0), number)
    return last


def _mariadb_set(text: str, name: str) -> dict[str, int]:
    """{domain: sequence number} of `0-1-345,1-2-10`."""
    last: dict[str, int] = {}
    for part in re.sub(r"\s", "", text).strip(",").split(","):
        found = re.fullmatch(r"([0-9]+)-[0-9]+-([0-9]+)", part)
        if found is None or int(found[2]) > _LARGEST:
            raise _unreadable(name, part, "'0-1-345', one a domain, with commas between")
        last[found[1]] = max(last.get(found[1], 0), int(found[2]))
    return last


def _unreadable(name: str, part: str, expected: str) -> AnchorError:
    return AnchorError(f"the anchor's {name} has {part!r}; expected {expected}")
