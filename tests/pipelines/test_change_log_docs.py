"""The change log's page says what its code does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from kami.tables import MYSQL_SOURCE, change_log_columns
from pipelines.change_log_options import ChangeLogOptions
from pipelines.change_log_step import COUNTS
from pipelines.options import JobOptions

PAGE = (Path(__file__).parents[2] / "docs" / "change_log.md").read_text(encoding="utf-8")
SQL_JOBS_ONLY = {
    "variable",
    "explain",
    "recording",
    "sql_engine",
    "schema_evolution",
    "pubsub_project",
    "pubsub_topic",
}


def test_every_flag_is_on_the_page() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    for options in (ChangeLogOptions, JobOptions):
        options._add_argparse_args(parser)  # noqa: SLF001  (Beam's own hook, public by contract)
    known = {action.dest for action in parser._actions}  # noqa: SLF001
    documented = set(re.findall(r"^\| `--(\w+)", PAGE, re.MULTILINE))
    assert documented == known - SQL_JOBS_ONLY


def test_every_column_is_on_the_page() -> None:
    cells = re.findall(r"^\| (`_?\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert {column.name for column in change_log_columns(MYSQL_SOURCE)} <= named


def test_the_identity_of_the_counts_is_on_the_page() -> None:
    assert f"{COUNTS[0]} = {' + '.join(COUNTS[1:])}" in PAGE
