"""The command `kami`: one module a command, in kami/commands and kami/operations."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kami.context import DEFAULT_PATH, Context
from kami.errors import EXIT_DIFFERENCES, KamiError
from kami.logs import error_line

PACKAGES = ("kami.commands", "kami.operations")
EXIT_CODES = """Exit codes: 0 done; 1 differences or failed checks were found; 2 the command line,
the configuration or a table cannot be used as it is; 3 a warehouse or database did not answer."""


def shared_options() -> list[click.Parameter]:
    """`--config` and `--output`: every command takes them, before its name or after it."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            expose_value=False,
            callback=_set("path"),
            help=f"The configuration.  [default: {DEFAULT_PATH}]",
        ),
        click.Option(
            ["--output"],
            type=click.Choice(["table", "json"]),
            expose_value=False,
            callback=_set("output"),
            help="How rows are printed: json is one object a line.  [default: table]",
        ),
    ]


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def set_in_context(click_context: click.Context, _: click.Parameter, value: Any) -> None:
        context = click_context.ensure_object(Context)
        if value is not None:
            setattr(context, name, value)

    return set_in_context


class Commands(click.Group):
    """The commands are the modules of PACKAGES; each has a click command named `command`."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(self._modules())

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module = self._modules().get(name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command), module  # noqa: S101
        if not any(option.name == "output" for option in command.params):
            command.params += shared_options()
        return command

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KamiError as error:
            if str(error):
                click.echo(error_line(str(error), context.invoked_subcommand), err=True)
            context.exit(error.exit_code)
        except BrokenPipeError:
            # `kami query ... | head` has read enough.
            sys.stderr.close()
            context.exit(EXIT_DIFFERENCES)

    @staticmethod
    def _modules() -> dict[str, str]:
        found = {}
        for package in PACKAGES:
            path = Path(__file__).parent / package.partition(".")[2]
            for module in pkgutil.iter_modules([str(path)]):
                found[module.name.replace("_", "-")] = f"{package}.{module.name}"
        return found


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    params=shared_options(),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.pass_context
def main(click_context: click.Context) -> None:
    """One view of every source table: as it is now, and as it ever was."""
    click_context.call_on_close(click_context.ensure_object(Context).close)
