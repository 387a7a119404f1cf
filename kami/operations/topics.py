"""`kami topics`: Kafka's topics, rules of access, users and offsets as a file says."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kami.cli import shared_options
from kami.context import Context
from kami.errors import ConfigurationError, DifferencesError
from kami.topics_apply import WAIT_SECONDS, take_steps
from kami.topics_file import read_connection, read_wanted
from kami.topics_plan import plan_of
from kami.topics_steps import Allowed, Difference, Plan
from kami.topics_wanted import Managed

if TYPE_CHECKING:
    from kami.kafka_steps import Cluster

EXIT_CODES = """Exit codes: 0 the cluster is as the file says; 1 it is not: plan found differences,
apply left some; 2 the file cannot be used or had, or the broker refused; 3 no broker answered."""
DEFAULT_FILE = Path("topics.yaml")


class Group(click.Group):
    """Its commands take the shared options after their names too."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        command = super().get_command(context, name)
        if command is not None and not any(one.name == "output" for one in command.params):
            command.params += shared_options()
        return command


@click.group("topics", cls=Group)
def command() -> None:
    """Kafka as code: topics, configs, ACLs, SCRAM users and group offsets from a YAML file."""


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        [
            click.option(
                "--file",
                "path",
                type=click.Path(path_type=Path, dir_okay=False),
                default=DEFAULT_FILE,
                show_default=True,
                help="What the cluster is to have.",
            ),
            click.option(
                "--allow-delete",
                is_flag=True,
                help="Also delete topics, ACLs and users that `manage` covers and the file does "
                "not name, reset configs that it does not name, and shorten what a topic keeps.",
            ),
            click.option(
                "--allow-repartition",
                is_flag=True,
                help="Also add partitions to topics with keys, whose changes then lose their order "
                "across old and new partitions.",
            ),
            click.option(
                "--reset-offsets",
                is_flag=True,
                help="Set offsets of groups that have some, too.",
            ),
            click.option(
                "--rotate-passwords",
                "rotate",
                multiple=True,
                metavar="USER",
                help="Send the password of this user (a name or pattern) anew; may be given again.",
            ),
            click.option(
                "--timeout-seconds",
                type=click.FloatRange(min=0.1),
                default=15.0,
                show_default=True,
                help="How long brokers that are away or busy are asked again.",
            ),
        ]
    ):
        function = option(function)
    return function


@command.command("plan", epilog=EXIT_CODES)
@_options
@click.pass_obj
def plan(context: Context, /, path: Path, timeout_seconds: float, **allowed: Any) -> None:
    """Shows what apply would change in the cluster, and changes nothing.

    One row a difference: what there is, what the file asks for, and which option apply needs for
    it. The broker is asked whether it would take new topics, partitions and configs.
    """
    with _planned(path, timeout_seconds, **allowed) as (_, found):
        _print(context, found.differences)
        _refuse(found)
    if found.differences:
        count = len(found.differences)
        message = f"{count} {'difference' if count == 1 else 'differences'}"
        raise DifferencesError(message)
    click.echo("kami: nothing differs", err=True)


@command.command("apply", epilog=EXIT_CODES)
@_options
@click.option(
    "--wait-seconds",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help="How long the cluster may take to show what was changed.",
)
@click.pass_obj
def apply(
    context: Context, /, path: Path, timeout_seconds: float, wait_seconds: float, **allowed: Any
) -> None:
    """Makes the cluster what the file says; prints each step that was taken.

    Nothing is done while one thing of the file cannot be had. What needs an option is left. Stops
    at the first step that the broker refuses, and says what was done and what was not.
    """

    def say(rows: Iterable[Difference]) -> None:
        if context.output == "json":
            _print(context, rows)
        else:
            for row in rows:
                click.echo(str(row))

    with _planned(path, timeout_seconds, **allowed) as (cluster, found):
        _refuse(found)
        take_steps(found.steps, cluster, lambda step: say(step.differences), wait_seconds)
    if not found.steps:
        click.echo("kami: nothing to do", err=True)
    if found.left:
        lines = [f"  {row} ({row.needs or row.note})" for row in found.left]
        message = "\n".join([f"left as it is, {len(found.left)}:", *lines])
        raise DifferencesError(message)


@command.command("export")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_FILE,
    show_default=True,
    help="Its `brokers` and `client` say where the cluster is; the rest of it is not looked at.",
)
@click.option("--topics", multiple=True, metavar="PATTERN", help="Of these names.  [default: *]")
@click.option("--acls", multiple=True, metavar="PATTERN", help="Of these principals.")
@click.option("--users", multiple=True, metavar="PATTERN", help="Of these names.")
@click.option(
    "--timeout-seconds",
    type=click.FloatRange(min=0.1),
    default=15.0,
    show_default=True,
    help="How long brokers that are away or busy are asked again.",
)
def export(
    path: Path,
    topics: tuple[str, ...],
    acls: tuple[str, ...],
    users: tuple[str, ...],
    timeout_seconds: float,
) -> None:
    """Prints the file of what there is: a start for a cluster that was made by hand.

    Topics with the configs that were set on them, ACLs and users; passwords are references that
    are to be filled in. Topics that Kafka and Kafka Connect keep for themselves are left out, and
    offsets of groups.
    """
    from kami.kafka_broker import Broker
    from kami.kafka_reading import read_state
    from kami.topics_export import exported

    connection = read_connection(path)
    manage = Managed(topics or ("*",), acls, users)
    wanted = dataclasses.replace(connection.wanted, manage=manage)
    with Broker(wanted, timeout_seconds) as broker:
        state = read_state(broker, wanted)
    text, notes = exported(state, manage, connection.written)
    click.echo(text, nl=False)
    for note in notes:
        click.echo(f"kami: left out: {note}", err=True)


@contextlib.contextmanager
def _planned(
    path: Path,
    timeout_seconds: float,
    *,
    allow_delete: bool,
    allow_repartition: bool,
    reset_offsets: bool,
    rotate: tuple[str, ...],
) -> Iterator[tuple[Cluster, Plan]]:
    # Loaded where it is used: every command of kami loads this module.
    from kami.kafka_broker import Broker
    from kami.kafka_steps import Cluster

    wanted = read_wanted(path)
    for pattern in rotate:
        if not any(fnmatch.fnmatchcase(user.name, pattern) for user in wanted.users):
            names = ", ".join(sorted({user.name for user in wanted.users})) or "none"
            message = f"--rotate-passwords {pattern!r} is no user of {path}; it has: {names}"
            raise ConfigurationError(message)
    with Broker(wanted, timeout_seconds) as broker:
        cluster = Cluster(broker, wanted)
        allowed = Allowed(allow_delete, allow_repartition, reset_offsets, rotate)
        found = plan_of(cluster.state(), wanted, allowed)
        if not found.refusals:
            refusals, unknown = cluster.objections(found.steps)
            for line in unknown:
                click.echo(f"kami: not checked: {line}", err=True)
            found = dataclasses.replace(found, refusals=tuple(refusals))
        yield cluster, found


def _refuse(found: Plan) -> None:
    if found.refusals:
        message = "\n".join(["nothing is done, since this cannot be had:", *found.refusals])
        raise ConfigurationError(message)


def _print(context: Context, rows: Iterable[Difference]) -> None:
    with_place = context.output == "json"
    context.print_rows([_row(row, with_place) for row in rows])


def _row(row: Difference, with_place: bool) -> dict[str, object]:
    printed: dict[str, object] = {
        "change": row.change,
        "kind": row.kind,
        "name": row.name,
        "field": row.field,
        "from": row.was,
        "to": row.wanted,
        "drift": row.drift if with_place else ("yes" if row.drift else None),
        "needs": row.needs,
        "note": row.note,
    }
    return {**printed, "place": row.place} if with_place else printed
