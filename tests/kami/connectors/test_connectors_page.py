"""docs/kami_connectors.md says what the code does. `make golden` rewrites its tables."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

from kami import connectors_file
from kami.connectors_debezium import KEYS as DEBEZIUM_KEYS
from kami.connectors_settings import BINLOG, POSTGRESQL, SINK, SOURCE, Setting
from tests.kami.connectors.connectors_files import read

PAGE = Path(__file__).parents[3] / "docs" / "kami_connectors.md"
TABLES = {"source": SOURCE, "binlog": BINLOG, "postgresql": POSTGRESQL, "sink": SINK}
MARKS = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def table_of(settings: tuple[Setting, ...]) -> str:
    # A pipe ends a cell, within a code span as well.
    escaped = [(key, value.replace("|", r"\|"), why) for key, value, why in settings]
    rows = [f"| `{key}` | `{value}` | {why} |" for key, value, why in escaped]
    return "\n".join(("| setting | value | why |", "|---|---|---|", *rows)) + "\n"


def first_words(text: str) -> set[str]:
    """What the first cells of a text's tables have in backticks."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_golden_tables_of_settings_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = MARKS.sub(lambda found: found[1] + table_of(TABLES[found[2]]) + found[3], text)
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        PAGE.write_text(made, encoding="utf-8")
    assert {found[1] for found in MARKS.findall(made)} == set(TABLES)
    assert PAGE.read_text(encoding="utf-8") == made, "run `make golden`"


def test_every_key_is_on_the_page_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    whole, _, connector = text.partition("A Debezium connector:\n")
    assert first_words(whole) == set(connectors_file.KEYS)
    assert first_words(connector.partition("\n\nA pattern")[0]) == set(DEBEZIUM_KEYS)


def test_the_files_on_the_page_can_be_read(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    whole, encrypt, others = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    definitions = read(tmp_path, whole + encrypt + others).definitions
    assert [one.name for one in definitions] == ["shop", "crm", "crm-copy", "polled"]
    assert definitions[1].config["transforms"] == "encrypt1,encrypt2"
    assert yaml.safe_load(whole)["connectors"][0]["tables"] == ["orders", "accounts"]
