"""The flags of a pipeline that may be parameters of its template, by the code of its options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.options import JobOptions
from pipelines.runner_flags import RunnerOptions
from templates.catalogue import Template


def actions_of(options: type[PipelineOptions]) -> list[argparse.Action]:
    """The flags of an options class, in its order."""
    # Beam types its hook with its own parser, which knows Beam's flags alone.
    parser: Any = argparse.ArgumentParser(add_help=False)
    options._add_argparse_args(parser)  # noqa: SLF001  (Beam's own hook, public by contract)
    return list(parser._actions)  # noqa: SLF001  (argparse has no other way to ask)


def options_of(template: Template) -> Iterator[argparse.Action]:
    """All flags of a template's pipeline: its own first, then those of every job."""
    for options in (template.options, JobOptions, RunnerOptions):
        yield from actions_of(options)


def parameters_of(template: Template) -> list[argparse.Action]:
    """The flags that are parameters: those that must be given first."""
    left_out = template.all_left_out
    actions = [action for action in options_of(template) if action.dest not in left_out]
    return sorted(actions, key=lambda action: action.dest not in template.required)


def is_switch(action: argparse.Action) -> bool:
    """Whether a flag stands without a value."""
    return action.nargs == 0


def is_repeated(action: argparse.Action) -> bool:
    """Whether a flag may be given several times."""
    return isinstance(action, argparse._AppendAction)  # noqa: SLF001  (argparse tells it by no other)
