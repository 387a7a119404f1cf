"""Whether kami takes the arguments of a container, without doing what they say."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

import click
from click.testing import CliRunner

from kami.cli import main


def refusal_of(arguments: Sequence[str]) -> str | None:
    """What kami's own parser says against the arguments; None where it takes them.

    The command itself does not run.
    """
    leaf: click.Command = main
    context = click.Context(main)
    for word in arguments:
        if isinstance(leaf, click.Group):
            found = leaf.get_command(context, word)
            leaf = found if found is not None else leaf
    ran: list[object] = []
    with mock.patch.object(leaf, "callback", lambda *_, **given: ran.append(given)):
        done = CliRunner().invoke(main, list(arguments))
    if done.exit_code != 0:
        return done.output.strip() or repr(done.exception)
    return None if ran else f"{' '.join(arguments)}: runs no command"
