"""The documentation says what the code does: its tables, commands and scripts are held to it."""

from __future__ import annotations

import datetime
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kami.cli import main as kami
from pipeline_io.keysets import KeysReference
from pipelines import aml
from pipelines.dead_letters import main as dead_letters
from pipelines.logs import LogOptions
from pipelines.options import JobOptions, parse_options
from pipelines.runner_flags import RunnerOptions
from templates.launch import flags as flags_of_launch
from tests.connector_tables import connector_table
from tests.flags_of_commands import OWN_FLAGS, flags_of, flags_of_click
from tests.flags_of_others import OTHERS_FLAGS
from transforms.avro import UnknownSchemaId
from transforms.avro_strict import CorruptRecord
from transforms.avro_types import UnsupportedSchema
from transforms.counters import COUNTS, LOOKUP_COUNTS
from transforms.dead_letters import Origin, Refusal, dead_letter_json
from transforms.lookup import LookupKeyError, LookupValueError
from transforms.records import RECORD_SCHEMA
from transforms.sql import tables
from transforms.sql.connector_list import CONNECTORS
from transforms.sql.errors import Script
from transforms.sql.expression import Failure
from transforms.sql.run import JobText
from transforms.sql.settings import SETTINGS
from transforms.sql.writer_types import SchemaMismatch

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
CONNECTOR_TABLES = re.compile(
    r"(<!-- connectors:.*?-->\n).*?(<!-- end of connectors -->)", re.DOTALL
)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level."""
    level = heading.split(" ")[0]
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    return re.split(rf"^{level} ", text[start:], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of a text's tables."""
    found = [re.match(r"\| (.*?) (?<!\\)\|", line) for line in text.splitlines()]
    return [match[1] for match in found if match]


def names_in(cells: list[str]) -> set[str]:
    """The word that each text in backticks begins with."""
    return {name for cell in cells for name in re.findall(r"`(\w+)[^`]*`", cell)}


def commands() -> Iterator[tuple[str, str, list[str]]]:
    """Yields (page, module, arguments) of each `python -m pipelines.X` that a page shows."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        shown = re.findall(r"^ +(?:\S*/)?python -m (pipelines\.\w+)(.*)$", text, re.MULTILINE)
        shown += re.findall(r"`(?:\S*/)?python -m (pipelines\.\w+)([^`]*)`", text)
        yield from ((path.name, module, shlex.split(rest)) for module, rest in shown)


def registered_functions() -> set[str]:
    """The functions of a fresh process: tests register some of their own in this one."""
    program = (
        "import transforms.sql.compile, transforms.sql.functions; "
        "from transforms.sql.expression import FUNCTIONS; print(*FUNCTIONS)"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(found.stdout.split())


def sql_blocks() -> list[Any]:
    return [
        pytest.param(block, id=f"{path.name}-{number}")
        for path in PAGES
        for number, block in enumerate(
            re.findall(r"^```sql\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
        )
    ]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the AML job wrote."""
    folder = tmp_path_factory.mktemp("aml")
    assert aml.main([f"--output_dir={folder}"]) == 0
    return folder


@pytest.mark.parametrize(("name", "module"), [("aml.md", "aml"), ("sql_jobs.md", "sql_job")])
def test_every_flag_of_a_pipeline_is_on_its_page(name: str, module: str) -> None:
    documented = {match for match in re.findall(r"^\| `(--\w+)", page(name), re.MULTILINE)}
    assert documented == flags_of(JobOptions, OWN_FLAGS[module])


def test_every_flag_of_the_splunk_pipeline_is_on_its_page() -> None:
    rows = re.findall(r"^\| (`--\w+`(?:, `--\w+`)*) \|", page("splunk.md"), re.MULTILINE)
    assert {flag for row in rows for flag in re.findall(r"--\w+", row)} == flags_of(
        OWN_FLAGS["splunk"]
    )


def test_every_command_on_a_page_takes_its_flags() -> None:
    found = list(commands())
    names = {f"pipelines.{name}" for name in OWN_FLAGS} | {"pipelines.dead_letters"}
    assert {module for _, module, _ in found} == names
    for where, module, arguments in found:
        if module == "pipelines.dead_letters":
            used = {word.split("=")[0] for word in arguments if word.startswith("-")}
            assert used <= flags_of_click(dead_letters), where
            continue
        own = OWN_FLAGS[module.removeprefix("pipelines.")]
        parse_options(arguments)
        foreign = flags_of(*OWN_FLAGS.values()) - flags_of(own)
        used = {argument.split("=")[0] for argument in arguments}
        assert not used & foreign, (where, module)


def test_every_flag_that_a_page_names_is_known() -> None:
    ours = flags_of(JobOptions, LogOptions, RunnerOptions, *OWN_FLAGS.values())
    ours |= flags_of_click(kami) | flags_of_click(dead_letters) | OTHERS_FLAGS | {"--flag"}
    ours |= flags_of_launch()
    for path in PAGES:
        text = re.sub(r"unknown flag --\S*", "", path.read_text(encoding="utf-8"))
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
        assert named <= ours, path.name


def test_the_golden_tables_of_connectors_equal_the_declarations() -> None:
    text = page("sql_jobs.md")
    made = "\n\n".join(connector_table(connector) for connector in CONNECTORS.values())
    expected = CONNECTOR_TABLES.sub(lambda found: f"{found[1]}\n{made}\n\n{found[2]}", text)
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        (DOCS / "sql_jobs.md").write_text(expected, encoding="utf-8")
    assert made
    assert page("sql_jobs.md") == expected, "run `make golden`"


def test_the_functions_on_the_page_are_those_that_are_registered() -> None:
    text = section(page("sql_jobs.md"), "## Functions")
    documented = names_in(first_cells(text))
    units = re.search(r"Units of EXTRACT:(.*?)\n\n", text, re.DOTALL)
    assert units is not None
    documented |= {f"EXTRACT_{unit}" for unit in re.findall(r"`(\w+)`", units[1])}
    documented |= {f"TRIM_{word}" for word in ("BOTH", "LEADING", "TRAILING") if word in text}
    # The parser turns EXTRACT(DAY FROM t) into EXTRACT_DAY(t).
    assert documented - {"EXTRACT"} == registered_functions()


def test_the_settings_on_the_page_are_those_that_exist() -> None:
    cells = first_cells(section(page("sql_jobs.md"), "## Settings"))
    assert {cell.strip("`") for cell in cells if "`" in cell} == set(SETTINGS)


def test_the_metadata_on_the_page_is_what_sources_have() -> None:
    cells = first_cells(section(page("sql_jobs.md"), "## Metadata columns"))
    known = {*vars(tables)["_METADATA_TYPES"], "source.*"}
    assert {cell.strip("`") for cell in cells if "`" in cell} == known


@pytest.mark.parametrize("block", sql_blocks())
def test_every_script_on_a_page_compiles(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    values = {"OUTPUT_DIR": "out", "USERS_URL": "sqlite:///users.db"}
    _, plan = JobText(Script("block.sql", block), values, open_keys=KeysReference).compile()
    assert plan.branches
    for source in plan.sources():
        assert (ROOT / str(source.options["path"]) / "records.jsonl").is_file()


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)#\s]+)\)", text)
    missing = [
        target for target in targets if "://" not in target and not (path.parent / target).exists()
    ]
    assert not missing


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {f"docs/{path.name}" for path in DOCS.glob("*.md")} <= set(
        re.findall(r"\]\(([^)]+)\)", readme)
    )


def test_every_key_of_the_summary_is_described(ran: Path) -> None:
    text = section(page("running.md"), "## summary.json")
    described = {cell.strip("`") for cell in first_cells(text) if "`" in cell}
    summary = json.loads((ran / "summary.json").read_text(encoding="utf-8"))
    lookups = {f"lookup_{name}" for name in LOOKUP_COUNTS}
    assert {*summary, *COUNTS} | lookups == described
    for counts in summary["statements"].values():
        assert set(counts) <= described


def test_the_identity_of_the_counts_is_as_written(ran: Path) -> None:
    line = "records + multiplied = events + filtered + tombstones + dead_letters"
    assert line in page("running.md")
    left, right = (side.split(" + ") for side in line.split(" = "))
    summary = json.loads((ran / "summary.json").read_text(encoding="utf-8"))
    for counts in [summary, *summary["statements"].values()]:
        assert sum(counts[name] for name in left) == sum(counts[name] for name in right)


def test_the_fields_of_a_dead_letter_are_those_that_are_written() -> None:
    record: dict[str, object] = dict.fromkeys(RECORD_SCHEMA.names)
    refusal = Refusal(0, "decode", "CorruptRecord", "cut")
    now = datetime.datetime.now(datetime.timezone.utc)
    written = json.loads(dead_letter_json(record, refusal, Origin("job", "1"), now))
    text = page("dead_letters.md")
    cells = first_cells(section(text, "## The record"))
    assert [cell.strip("`") for cell in cells if "`" in cell] == list(written)
    (example,) = re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)
    assert list(json.loads(example)) == list(written)


def test_the_error_classes_on_the_page_are_those_of_the_code() -> None:
    rows = section(page("dead_letters.md"), "## Stages and error classes").splitlines()
    found = [re.match(r"\| `(\w+)` \| `(\w+)` \|", row) for row in rows]
    stages, classes = zip(*[match.groups() for match in found if match], strict=True)
    raised = (
        UnknownSchemaId,
        UnsupportedSchema,
        CorruptRecord,
        SchemaMismatch,
        LookupKeyError,
        LookupValueError,
    )
    spelled = {"NotConfluentAvro", "NoOrderKey"}
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "transforms").rglob("*.py"))
    assert all(f'"{name}"' in code for name in spelled)
    assert set(classes) == {error.__name__ for error in raised} | spelled | {Failure.error_class}
    documented = re.search(r"stage: (.*?)\.", Refusal.__doc__ or "")
    assert documented is not None
    assert list(dict.fromkeys(stages)) == documented[1].split(", ")


def test_the_page_of_the_aml_job_shows_what_it_writes(ran: Path) -> None:
    text = page("aml.md")
    (event,) = re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)
    events = (ran / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(event) == json.loads(events[0])
    summary = json.loads((ran / "summary.json").read_text(encoding="utf-8"))
    for name, counts in summary["statements"].items():
        shown = " | ".join(str(counts[count]) for count in COUNTS[:5])
        assert f"| `{name}` | {shown} |" in text
    letters = (ran / "dead_letters.jsonl").read_text(encoding="utf-8").splitlines()
    for letter in map(json.loads, letters):
        assert letter["message"] in text
        assert str(letter["offset"]) in text
    assert {path.name for path in ran.iterdir()} == set(
        re.findall(r"^\| `(\w+\.\w+)` \|", section(text, "## Run it"), re.MULTILINE)
    )
