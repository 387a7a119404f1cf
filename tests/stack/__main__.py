"""Starts and stops the real servers that tests and demonstrations use.

python -m tests.stack up kafka mysql
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

import click

from tests.stack.installing import install_all, is_installed
from tests.stack.part import Missing, Part, StackError
from tests.stack.parts import PARTS, with_needs
from tests.stack.stack import Stack, sessions, sweep


class Commands(click.Group):
    """Commands whose errors are one message, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except StackError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
def main() -> None:
    """Real servers on this machine, installed from registries, on free ports of 127.0.0.1.

    Without names a command is about all parts.
    """


_parts = click.argument("names", nargs=-1, metavar="[PART]...")


@main.command("install")
@_parts
def install_command(names: tuple[str, ...]) -> None:
    """Bring parts, with all that they need, into the folder of the stack."""
    since = time.monotonic()
    install_all(with_needs(names), _say)
    _say(f"installed after {time.monotonic() - since:.1f} s")


@main.command("up")
@_parts
def up_command(names: tuple[str, ...]) -> None:
    """Install what is missing and start parts, with all that they need.

    Without names, what this machine lacks something for is left out, and said.
    """
    since = time.monotonic()
    chosen = names or tuple(_possible())
    stack = Stack(say=_say)
    with stack.alone():
        stack.up(chosen)
    _say(f"up after {time.monotonic() - since:.1f} s")


@main.command("down")
@_parts
def down_command(names: tuple[str, ...]) -> None:
    """Stop parts, with those that need them, and remove their data."""
    stack = Stack()
    with stack.alone():
        stopped = stack.down(names)
    _say(f"stopped: {', '.join(stopped) or 'nothing ran'}")
    for session in () if names else sweep():
        _say(f"stopped what {session} had left")


@main.command("status")
@_parts
def status_command(names: tuple[str, ...]) -> None:
    """Show what is installed and what runs where."""
    stack = Stack()
    for part in with_needs(names):
        _say(f"{part.name:10} {_status(part, stack)}")
    for name, session in sessions().items():
        _say(f"{name}: {', '.join(session.state().parts) or 'nothing'}")


@main.command("logs")
@_parts
@click.option("--lines", default=20, show_default=True, help="How many of the last lines.")
def logs_command(names: tuple[str, ...], lines: int) -> None:
    """Show the end of the logs of parts that were started by hand."""
    stack = Stack()
    with_needs(names)
    there = stack.state().parts
    for name in names or there:
        if name not in there:
            message = f"{name} is not up: `python -m tests.stack up {name}` starts it"
            raise StackError(message)
        for process in there[name].plan.processes:
            log = stack.log(process)
            _say(f"==> {log}")
            _say("\n".join(log.read_text(errors="replace").splitlines()[-lines:]))


def _possible() -> Iterable[str]:
    for name, part in PARTS.items():
        try:
            for each in with_needs([name]):
                each.require()
        except Missing as error:
            click.echo(f"{part.name}: left out: {error}", err=True)
        else:
            yield name


def _status(part: Part, stack: Stack) -> str:
    started = stack.state().parts.get(part.name)
    if started is None:
        return "installed" if is_installed(part) else "not installed"
    shown = "  ".join(f"{key}={value}" for key, value in started.endpoints.items())
    return f"{'up' if started.is_alive() else 'ENDED; see its log'}  {shown}"


def _say(message: str) -> None:
    click.echo(message)


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m tests.stack"))
