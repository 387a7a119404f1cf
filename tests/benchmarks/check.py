"""A guard against slow changes: small fixed work beside committed figures.

    python -m tests.benchmarks.check [--by instructions|cpu] [--write]

Exit code 1: a piece costs over 15 % more than was committed, or it is too noisy to tell.
tests/benchmarks/README.md says how.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import check_cpu, check_instructions
from tests.benchmarks.check_verdicts import LIMIT, Figure, Outcome, report, verdicts
from tests.benchmarks.check_works import works
from tests.benchmarks.live_speed import say
from tests.benchmarks.page import machine
from transforms.avro import choose_decoder

COMMITTED = Path(__file__).parent / "committed.json"
UNITS = {
    "instructions": "instructions a record",
    "cpu": "of the reference a 1,000",
}
Committed = dict[str, dict[str, float]]
"""By what decides a figure, and the name of the work."""


def kind(by: str) -> str:
    """What figures can be compared: of one Python, processor family and decoder; CPU ratios of one
    processor."""
    version = ".".join(platform.python_version_tuple()[:2])
    found = f"{by} python{version} {platform.machine()} {choose_decoder().name}"
    return (
        found if by == "instructions" else f"{found} {machine()['processor'].partition(' of ')[2]}"
    )


def measured(by: str, committed: dict[str, float]) -> dict[str, Figure]:
    """Raises CannotCount."""
    if by == "instructions":
        return check_instructions.measured()
    with tempfile.TemporaryDirectory() as folder, works(Path(folder)) as pieces:
        return check_cpu.measured(pieces, committed)


def read(path: Path) -> Committed:
    if not path.exists():
        return {}
    found: Committed = json.loads(path.read_text(encoding="utf-8"))
    return found


def write(path: Path, name: str, found: dict[str, Figure]) -> None:
    """Keeps the figures beside those of other kinds."""
    known = read(path)
    known[name] = {work: round(figure.value, 4) for work, figure in found.items()}
    text = json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def check(by: str, path: Path, *, keep: bool) -> int:
    """Measures, tells, and the exit code. Raises CannotCount."""
    name = kind(by)
    committed = read(path).get(name, {})
    found = measured(by, {} if keep else committed)
    if keep:
        write(path, name, found)
        committed = read(path)[name]
    judged = verdicts(found, committed)
    for line in report(judged, UNITS[by]):
        say(line)
    if keep:
        say(f"written to {path}, for {name}")
        return 0
    failed = [one for one in judged if one.fails]
    for one in failed:
        if one.outcome is Outcome.SLOWER:
            say(f"{one.name} costs {one.ratio:.2f} of what was committed; the limit is {1 + LIMIT}")
    if not committed:
        say(f"{path} has no figures for {name}: --write makes them")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    default = "instructions" if shutil.which("valgrind") else "cpu"
    parser.add_argument("--by", choices=tuple(UNITS), default=default)
    parser.add_argument("--against", type=Path, default=COMMITTED, help="the file of the figures")
    parser.add_argument("--write", action="store_true", help="keep what is found as the figures")
    flags = parser.parse_args()
    try:
        return check(flags.by, flags.against, keep=flags.write)
    except check_instructions.CannotCount as error:
        say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
