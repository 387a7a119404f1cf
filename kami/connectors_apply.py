"""Does the steps of `kami connectors apply`, one connector after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kami.connect_rest import ConnectRest
from kami.connectors import Connectors, Definition
from kami.connectors_health import Health, health, settled
from kami.connectors_plan import Step
from kami.connectors_references import providers
from kami.connectors_signals import ask_for_snapshot, by_hand
from kami.errors import KamiError, RefusedError

_LOGIN = re.compile(r"access denied|authentication failed", re.IGNORECASE)


class Outcome(NamedTuple):
    """What became of a step.

    Args:
        health: how the connector is now; None where nothing was done to it.
        notes: what a person is to know, or to do.
        error: why it was not done.
    """

    step: Step
    health: Health | None = None
    notes: tuple[str, ...] = ()
    error: KamiError | None = None


def applied(
    rest: ConnectRest,
    steps: Sequence[Step],
    *,
    dry_run: bool,
    snapshot_new_tables: bool,
    wait_seconds: float,
    connectors: Connectors,
) -> Iterator[Outcome]:
    """The outcome of each step, as it is done; a dry run asks the plug-ins, and puts nothing.

    Raises:
        UnreachableError: Connect is away.
    """
    for step in steps:
        if step.refusal is not None:
            yield Outcome(step, error=step.refusal)
            continue
        notes = tuple(_notes(step, snapshot_new_tables and not dry_run))
        if step.change == "nothing" and not dry_run:
            yield Outcome(step, health(rest, step.name), notes)
            continue
        if step.change in ("nothing", "unmanaged") or (dry_run and step.change == "delete"):
            yield Outcome(step, notes=notes)
            continue
        if step.change == "delete":
            slot = (rest.config(step.name) or {}).get("slot.name")
            rest.delete(step.name)
            yield Outcome(step, notes=(*notes, *_left_behind(step.name, slot)))
            continue
        try:
            _refuse_what_the_plugin_refuses(rest, step)
            if dry_run:
                yield Outcome(step, notes=notes)
                continue
            rest.put(step.name, step.config)
        except RefusedError as error:
            yield Outcome(step, error=RefusedError(step.without_secrets(str(error))))
            continue
        found = settled(rest, step.name, wait_seconds, step.config)
        yield _after(step, found, notes, snapshot_new_tables, connectors)


def _after(
    step: Step,
    found: Health,
    notes: tuple[str, ...],
    snapshot_new_tables: bool,
    connectors: Connectors,
) -> Outcome:
    hidden = found._replace(reason=step.without_secrets(found.reason))
    patterns = _new_tables(step)
    if not (patterns and snapshot_new_tables):
        return Outcome(step, hidden, notes)
    assert step.definition is not None  # noqa: S101
    if not hidden.is_well:
        told = f"{step.name}: no snapshot was asked for, since the connector does not run"
        return Outcome(step, hidden, (*notes, told, _ask(step.definition, patterns)))
    try:
        where = ask_for_snapshot(step.definition, patterns, connectors)
    except KamiError as error:
        return Outcome(step, hidden, (*notes, _ask(step.definition, patterns)), error)
    told = f"{step.name}: asked by {where} for a snapshot of {_named(step.definition, patterns)}"
    return Outcome(step, hidden, (*notes, told))


def _refuse_what_the_plugin_refuses(rest: ConnectRest, step: Step) -> None:
    errors = rest.errors_of(step.config)
    if errors:
        told = "; ".join(
            f"{field}: {' '.join(' '.join(texts).split())}"
            for field, texts in sorted(errors.items())
        )
        message = f"the plug-in refuses {step.name!r}: {told}"
        asked = sorted(set().union(*map(providers, step.config.values())))
        if asked and _LOGIN.search(told):
            # A worker without the provider takes the reference for the password.
            message += f"; the workers need config.providers={','.join(asked)} for the references"
        raise RefusedError(message)


def _new_tables(step: Step) -> tuple[str, ...]:
    return step.diff.new_tables if step.diff is not None and step.change == "update" else ()


def _notes(step: Step, snapshot_new_tables: bool) -> Iterator[str]:
    if step.change == "unmanaged":
        yield (
            f"{step.name}: Connect has it, and the file does not; where `owns` of `connect` "
            "matches it, --allow-delete deletes it"
        )
    if step.diff is None or step.definition is None or step.change != "update":
        return
    new, gone = step.diff.new_tables, step.diff.gone_tables
    if new and not snapshot_new_tables:
        yield (
            f"{step.name}: {_named(step.definition, new)} will be captured from now on; the rows "
            "of before come by --snapshot-new-tables with this change, or later by hand"
        )
        yield _ask(step.definition, new)
    if gone:
        yield (
            f"{step.name}: no longer captured: {', '.join(gone)}; their topics stay, and their god "
            "views keep the rows of now"
        )


def _ask(definition: Definition, patterns: Sequence[str]) -> str:
    return f"{definition.name}: a snapshot is asked for by: {by_hand(definition, patterns)}"


def _named(definition: Definition, patterns: Sequence[str]) -> str:
    """The tables' names where the file has them; a list in `config` has patterns alone."""
    return ", ".join(str(definition.tables.get(pattern, pattern)) for pattern in patterns)


def _left_behind(name: str, slot: str | None) -> Iterator[str]:
    yield f"{name}: its topics and its offsets in Connect stay"
    if slot is not None:
        text = slot.replace("'", "''")
        yield (
            f"{name}: its replication slot keeps the database's log until it is dropped: "
            f"SELECT pg_drop_replication_slot('{text}')"
        )
