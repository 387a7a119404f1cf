"""The rules of templates/monitoring as Prometheus' own tools take them, and what they look at."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from tests.stack.part import Missing
from tests.templates.manifests import rendered

MONITORING = Path(__file__).parents[2] / "templates" / "monitoring"
CASES = Path(__file__).parents[1] / "data" / "alerts"

_T = TypeVar("_T")
Rule = Mapping[str, Any]
RuleFiles = Mapping[str, Sequence[Mapping[str, Any]]]
"""Groups of rules by the name of their PrometheusRule, without `kamiflow-`."""

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAMED_BY = re.compile(r'__name__\s*=~?\s*"((?:[^"\\]|\\.)*)"')
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORD = re.compile(r"(?<![\w:.$])[A-Za-z_:][\w:]*(?![\w:]*\s*\()")
_KEYWORDS = frozenset(
    "and or unless on by without ignoring group_left group_right offset bool inf nan".split()
)


def rule_files(overlay: str = "prod") -> RuleFiles:
    """The rules of an overlay, as it is rendered."""
    return {
        one["metadata"]["name"].removeprefix("kamiflow-"): one["spec"]["groups"]
        for one in rendered(MONITORING / overlay)
        if one["kind"] == "PrometheusRule"
    }


def default_rules() -> RuleFiles:
    """All rules, with the limits of the base: no overlay's groups have limits of their own."""
    base = yaml.safe_load((MONITORING / "base" / "limits.yaml").read_text(encoding="utf-8"))
    return {**rule_files(), "limits": base["spec"]["groups"]}


def rules_of(files: RuleFiles) -> Iterator[Rule]:
    for groups in files.values():
        for group in groups:
            yield from group["rules"]


def alerts_of(files: RuleFiles) -> dict[str, Rule]:
    """The alerts by their names."""
    return {rule["alert"]: rule for rule in rules_of(files) if "alert" in rule}


def write_rules(
    folder: Path, files: RuleFiles, annotations: Sequence[str] | None = None
) -> list[Path]:
    """A file each.

    Args:
        annotations: those that alerts keep, all for None. Cases name each that an alert has.
    """
    folder.mkdir()
    return [
        _written(folder / f"{name}.yaml", groups, annotations) for name, groups in files.items()
    ]


def _written(
    path: Path, groups: Sequence[Mapping[str, Any]], annotations: Sequence[str] | None
) -> Path:
    kept = [
        {**group, "rules": [_kept(rule, annotations) for rule in group["rules"]]}
        for group in groups
    ]
    path.write_text(yaml.safe_dump({"groups": kept}), encoding="utf-8")
    return path


def _kept(rule: Rule, annotations: Sequence[str] | None) -> Rule:
    if annotations is None or "alert" not in rule:
        return rule
    return {**rule, "annotations": {name: rule["annotations"][name] for name in annotations}}


def write_cases(path: Path, cases: Mapping[str, Any], files: RuleFiles) -> Path:
    """A file of cases, whose groups are evaluated in the order in which they use each other."""
    names = sorted(files, key=lambda name: (name != "limits", name))
    order = [group["name"] for name in names for group in files[name]]
    path.write_text(yaml.safe_dump({**cases, "group_eval_order": order}), encoding="utf-8")
    return path


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names; those chosen by a pattern of names as that pattern."""
    found = set(_NAMED_BY.findall(expression))
    bare = _TEXT.sub('""', expression)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\boffset\s+\w+", " ", bare)
    bare = _LABELS.sub(" ", bare)
    return found | {word for word in _WORD.findall(bare) if word not in _KEYWORDS}


def by_promtool(ask: Callable[..., _T], *paths: Path) -> _T:
    """What promtool says; skips where it cannot be had, which fails under CI=true."""
    try:
        return ask(*paths)
    except Missing as error:
        reason = f"promtool cannot be used on this machine: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs every test, but {reason}", pytrace=False)
        pytest.skip(reason)
