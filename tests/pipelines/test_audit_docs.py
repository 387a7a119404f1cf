"""The page of polled tables says what the code does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from pipelines.audit_options import AuditOptions
from pipelines.audit_tables_config import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "audit_columns.md").read_text(encoding="utf-8")


def test_every_flag_is_on_the_page() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    AuditOptions._add_argparse_args(parser)  # noqa: SLF001  (Beam's own hook, public by contract)
    flags = {text for action in parser._actions for text in action.option_strings}  # noqa: SLF001
    assert set(re.findall(r"^\| `(--\w+)`", PAGE, re.MULTILINE)) == flags


def test_every_key_of_the_file_is_on_the_page() -> None:
    section = PAGE[PAGE.index("## Settings of tables") : PAGE.index("## The state")]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(KEYS)
