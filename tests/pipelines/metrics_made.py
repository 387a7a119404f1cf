"""The metrics that the code makes: by running pipelines, and by reading it."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MAKERS = ("counter", "distribution", "gauge", "string_set", "bounded_trie", "histogram")

Made = set[tuple[str, str, str]]
"""Kind, namespace and name."""


@contextlib.contextmanager
def noted(module: ModuleType, patch: pytest.MonkeyPatch) -> Iterator[Made]:
    """What Beam's results hold when a pipeline's module asks for its counts."""
    found: Made = set()
    ask: Callable[..., Any] = module.counts_of

    def note(result: Any, *more: Any) -> Any:
        for kind, metrics in result.metrics().query().items():
            for each in metrics:
                name = each.key.metric
                if name.namespace.startswith("kamiflow"):
                    found.add((kind.removesuffix("s"), name.namespace, name.name))
        return ask(result, *more)

    with patch.context() as patched:
        patched.setattr(module, "counts_of", note)
        yield found


def places() -> Iterator[tuple[str, str]]:
    """(file, namespace as it is written) of every call that makes a metric."""
    for folder in ("transforms", "io", "pipelines", "kami"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _makes(node.func):
                    yield path.relative_to(ROOT).as_posix(), ast.unparse(node.args[0])


def _makes(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        of = called.value
        return isinstance(of, ast.Name) and of.id == "Metrics" and called.attr in MAKERS
    return isinstance(called, ast.Name) and called.id in ("MetricName", "SinkMetrics", "Latency")
