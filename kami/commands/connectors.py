"""kami connectors: Kafka Connect's connectors from a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from kami.cli import shared_options
from kami.connect_rest import ConnectRest
from kami.connectors import Connectors, Definition
from kami.connectors_apply import Outcome, applied
from kami.connectors_diff import KeyChange
from kami.connectors_file import read_connectors
from kami.connectors_health import health, settled
from kami.connectors_plan import chosen, planned, refuse_breaking, warnings_of
from kami.context import DEFAULT_PATH, Context
from kami.errors import DifferencesError, KamiError

DEFAULT_FILE = Path("connectors.yaml")
WAIT_SECONDS = 60.0
_MARKS = {"added": "+", "changed": "~", "removed": "-"}


@click.group("connectors")
def command() -> None:
    """Kafka Connect's connectors, from the tables that are to be captured.

    They are described in a file of their own: --config names it, connectors.yaml by default.
    """


@command.command("render")
@click.argument("names", nargs=-1)
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for one file NAME.json each, instead of standard output.",
)
@click.pass_obj
def render(context: Context, names: tuple[str, ...], to: Path | None) -> None:
    """Prints the whole configuration of the connectors NAMES, or of all, as JSON.

    Passwords are references in it, as the file has them.
    """
    definitions = chosen(_file(context), names)
    for definition in definitions:
        refuse_breaking(definition)
        _tell(warnings_of(definition))
        if to is not None:
            to.mkdir(parents=True, exist_ok=True)
            (to / f"{definition.name}.json").write_text(rendered(definition), encoding="utf-8")
        elif context.output == "json":
            row = {"name": definition.name, "config": definition.config}
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(rendered(definition), nl=False)


def rendered(definition: Definition) -> str:
    """A connector as Connect takes it: JSON with `name` and `config`."""
    row = {"name": definition.name, "config": definition.config}
    return json.dumps(row, indent=2, ensure_ascii=False) + "\n"


@command.command("apply")
@click.argument("names", nargs=-1)
@click.option(
    "--dry-run", is_flag=True, help="Show what differs and ask the plug-ins; put nothing."
)
@click.option(
    "--allow-delete",
    is_flag=True,
    help="Delete connectors that `owns` matches and the file does not have.",
)
@click.option(
    "--allow-identity-change",
    is_flag=True,
    help="Let a connector have another prefix, slot, server id or key: it reads from anew.",
)
@click.option(
    "--snapshot-new-tables",
    is_flag=True,
    help="Ask for the rows of tables that a running connector is to capture too.",
)
@click.option(
    "--send-secrets",
    is_flag=True,
    help="Put what ${NAME} and ${file://...} mean in place of passwords: for a Connect without "
    "config providers. Whoever may ask Connect can read them.",
)
@click.option(
    "--wait-seconds",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help="How long a connector may take until it runs.",
)
@click.pass_obj
def apply(
    context: Context,
    names: tuple[str, ...],
    dry_run: bool,
    allow_delete: bool,
    allow_identity_change: bool,
    snapshot_new_tables: bool,
    send_secrets: bool,
    wait_seconds: float,
) -> None:
    """Makes Connect's connectors what the file says: NAMES, or all; touches only what differs.

    Each plug-in looks at its configuration before it is put. Exit code 1 when a connector does not
    run, 2 when one was refused.
    """
    connectors = _file(context)
    definitions = chosen(connectors, names)
    for definition in definitions:
        _tell(warnings_of(definition))
    outcomes = []
    with ConnectRest(connectors.connect) as rest:
        steps = planned(
            connectors,
            definitions,
            rest,
            send_secrets=send_secrets,
            identity=allow_identity_change,
            deletes=allow_delete,
            patterns=names,
        )
        for outcome in applied(
            rest,
            steps,
            dry_run=dry_run,
            snapshot_new_tables=snapshot_new_tables,
            wait_seconds=wait_seconds,
            connectors=connectors,
        ):
            _tell(outcome.notes)
            outcomes.append(outcome)
            if context.output == "table":
                _print_changes(outcome)
            else:
                context.print_rows([_outcome_row(outcome, with_changes=True)])
    if context.output == "table":
        context.print_rows([_outcome_row(outcome, with_changes=False) for outcome in outcomes])
    _raise_for(outcomes)


@command.command("status")
@click.argument("names", nargs=-1)
@click.option(
    "--restart-failed",
    is_flag=True,
    help="Start again what has failed, and wait until it runs.",
)
@click.option(
    "--wait-seconds",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help="How long a connector that is started again may take.",
)
@click.pass_obj
def status(
    context: Context, names: tuple[str, ...], restart_failed: bool, wait_seconds: float
) -> None:
    """Shows whether the connectors NAMES of the file, or all, and their tasks run.

    Exit code 0 when all run; 1 when one has failed, is paused, has no tasks or is missing; 3 when
    Connect does not answer.
    """
    connectors = _file(context)
    definitions = chosen(connectors, names)
    with ConnectRest(connectors.connect) as rest:
        found = [health(rest, definition.name) for definition in definitions]
        if restart_failed:
            failed = [one.connector for one in found if one.state == "FAILED"]
            for name in failed:
                rest.restart_failed(name)
            _tell(f"{name}: started again" for name in failed)
            found = [
                settled(rest, one.connector, wait_seconds) if one.connector in failed else one
                for one in found
            ]
    context.print_rows([one._asdict() for one in found])
    ill = [f"{one.connector} {one.state}" for one in found if not one.is_well]
    if ill:
        message = f"{len(ill)} of {len(found)} connectors do not run: {', '.join(ill)}"
        raise DifferencesError(message)


def _file(context: Context) -> Connectors:
    # Nobody named a file: kami.yaml is the default of the other commands.
    path = DEFAULT_FILE if context.path is DEFAULT_PATH else context.path
    return read_connectors(path)


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"kami: {note}", err=True)


def _print_changes(outcome: Outcome) -> None:
    diff = outcome.step.diff
    if diff is None or not diff.changes:
        return
    click.echo(f"-- {outcome.step.change}: {outcome.step.name}")
    for change in diff.changes:
        click.echo(f"{_MARKS[change.kind]} {change.key}: {_values(change)}")
    click.echo()


def _values(change: KeyChange) -> str:
    if change.kind == "changed":
        return f"{change.old} -> {change.new}"
    return str(change.new if change.kind == "added" else change.old)


def _outcome_row(outcome: Outcome, *, with_changes: bool) -> dict[str, object]:
    step, found = outcome.step, outcome.health
    changes = step.diff.changes if step.diff else ()
    row: dict[str, object] = {
        "connector": step.name,
        "change": "refused" if outcome.error is not None and found is None else step.change,
        "settings": len(changes),
        "state": found.state if found else None,
        "tasks": found.tasks if found else None,
        "reason": found.reason if found else None,
    }
    if with_changes:
        row["reason"] = str(outcome.error) if outcome.error else row["reason"]
        row["changes"] = [change._asdict() for change in changes]
    return row


def _raise_for(outcomes: Sequence[Outcome]) -> None:
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if errors:
        raise _worst(errors)
    ill = [
        f"{outcome.health.connector} {outcome.health.state}: {outcome.health.reason}"
        for outcome in outcomes
        if outcome.health is not None and not outcome.health.is_well
    ]
    if ill:
        raise DifferencesError("\n".join(ill))
    if all(outcome.step.change in ("nothing", "unmanaged") for outcome in outcomes):
        click.echo("kami: nothing differs", err=True)


def _worst(errors: Sequence[KamiError]) -> KamiError:
    worst = max(errors, key=lambda error: error.exit_code)
    return type(worst)("\n".join(map(str, errors)))


def _shared_options() -> list[click.Parameter]:
    options = shared_options()
    for option in options:
        if isinstance(option, click.Option) and option.name == "config":
            option.help = f"The connectors' file.  [default: {DEFAULT_FILE}]"
    return options


for _each in (command, render, apply, status):
    _each.params += _shared_options()
