"""The flags that the commands take, by the code."""

from __future__ import annotations

import argparse

import click

from pipelines import aml, aml_velocity, splunk, sql_job
from pipelines.audit_options import AuditOptions
from pipelines.change_log_options import ChangeLogOptions
from pipelines.logs import LogOptions
from pipelines.options import JobOptions
from pipelines.runner_flags import RunnerOptions
from pipelines.snapshot_options import SnapshotOptions
from pipelines.spanner_changes_options import SpannerChangesOptions

Flags = (
    type[JobOptions]
    | type[RunnerOptions]
    | type[LogOptions]
    | type[aml.AmlOptions]
    | type[aml_velocity.AmlVelocityOptions]
    | type[sql_job.SqlJobOptions]
    | type[splunk.SplunkOptions]
    | type[ChangeLogOptions]
    | type[SnapshotOptions]
    | type[AuditOptions]
    | type[SpannerChangesOptions]
)
OWN_FLAGS: dict[str, Flags] = {
    "aml": aml.AmlOptions,
    "aml_velocity": aml_velocity.AmlVelocityOptions,
    "splunk": splunk.SplunkOptions,
    "sql_job": sql_job.SqlJobOptions,
    "change_log": ChangeLogOptions,
    "snapshot": SnapshotOptions,
    "audit_columns": AuditOptions,
    "spanner_changes": SpannerChangesOptions,
}


def flags_of(*options: Flags) -> set[str]:
    parser = argparse.ArgumentParser(add_help=False)
    for option in options:
        option._add_argparse_args(parser)  # noqa: SLF001  (Beam's own hook, public by contract)
    return {string for action in parser._actions for string in action.option_strings}  # noqa: SLF001


def flags_of_click(command: click.Command) -> set[str]:
    """The flags of the command, and of all commands under it."""
    flags = {
        string
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for string in (*parameter.opts, *parameter.secondary_opts)
    }
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            flags |= flags_of_click(below)
    return flags
