"""Dead letters are counted by words of this project alone, however servers word theirs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from transforms.avro import UnknownSchemaId
from transforms.avro_strict import CorruptRecord
from transforms.avro_types import UnsupportedSchema
from transforms.change_log_tables import OtherDatabase
from transforms.dead_letter_counts import (
    ERROR_CLASSES,
    NAMESPACE,
    REFUSED_BY_WAREHOUSE,
    DeadLetterCounts,
)
from transforms.dead_letters import Refusal
from transforms.lookup import LookupKeyError, LookupValueError
from transforms.sql.writer_types import SchemaMismatch

ROOT = Path(__file__).parents[2]
BY_TYPE = {
    kind.__name__
    for kind in (
        CorruptRecord,
        LookupKeyError,
        LookupValueError,
        OtherDatabase,
        SchemaMismatch,
        UnknownSchemaId,
        UnsupportedSchema,
    )
}
OF_SPANNER = {"ALREADY_EXISTS", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "OUT_OF_RANGE"}
# What makes a refusal, and is given its class.
MAKERS = {"DecodeFailure", "Failure", "Refusal", "Refused", "RefusedRow", "refuse", "refused"}


class _Count(beam.DoFn):
    def __init__(self) -> None:
        self.counts = DeadLetterCounts()

    def process(self, element: list[Refusal]) -> Any:
        self.counts.add_refusals("transfers", element)
        yield element


def refusal(error_class: str, statement: str | None = None) -> Refusal:
    return Refusal(0, "decode", error_class, "why", statement=statement)


def words() -> Iterator[str]:
    """The texts in the code that are spelt as an error class where one is expected."""
    for folder in ("transforms", "io", "pipelines"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    yield from _given(node)
                elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                    yield from _constant(node)


def _given(call: ast.Call) -> Iterator[str]:
    of = call.func
    name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
    name = name.lstrip("_")
    if name not in MAKERS:
        return
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    for argument in arguments:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            if re.fullmatch("[A-Z][a-z]+[A-Za-z]*", argument.value):
                yield argument.value


def _constant(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    is_class = names & {"error_class", "MALFORMED", "LATE_ROW", "NO_CHANGE_EVENT"}
    if is_class and isinstance(node.value, ast.Constant):
        yield str(node.value.value)


def test_the_closed_set_is_what_the_code_refuses_records_for() -> None:
    assert set(words()) | BY_TYPE | OF_SPANNER | {REFUSED_BY_WAREHOUSE} == ERROR_CLASSES


def test_each_dead_letter_counts_once_under_its_statement_or_its_source() -> None:
    batches = [
        [refusal("CorruptRecord"), refusal("CorruptRecord"), refusal("ValueRefused", "events")],
        [refusal("psycopg.errors.SomethingNew", "events"), refusal("ValueRefused", "events")],
    ]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create(batches) | beam.ParDo(_Count())
    found = {
        each.key.metric.name: each.committed
        for each in pipeline.result.metrics().query()["counters"]
        if each.key.metric.namespace == NAMESPACE
    }
    assert found == {
        "transfers/CorruptRecord": 2,
        "events/ValueRefused": 2,
        "events/Other": 1,
    }
