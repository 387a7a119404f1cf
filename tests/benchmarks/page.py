"""Sections of docs/benchmarks.md that are written by what measures, between marks in the page."""

from __future__ import annotations

import datetime
import os
import platform
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_END = "<!-- end -->"


def replaced(text: str, name: str, body: str) -> str:
    """The page with another section `name`. Raises ValueError where it has no marks for it."""
    begin = re.search(rf"<!-- {re.escape(name)}: [^\n]*-->\n", text)
    end = text.find(_END, begin.end()) if begin else -1
    if begin is None or end < 0:
        message = f"the page has no section between '<!-- {name}: ... -->' and '{_END}'"
        raise ValueError(message)
    return f"{text[: begin.end()]}\n{body.strip()}\n\n{text[end:]}"


def write_section(name: str, body: str, page: Path = PAGE) -> None:
    """Replaces a section of the page. Raises ValueError."""
    text = page.read_text(encoding="utf-8")
    page.write_text(replaced(text, name, body), encoding="utf-8")


def machine() -> dict[str, str]:
    """The machine as a reader has to know it, and how busy it was."""
    return {
        "measured": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} cores of {_field('/proc/cpuinfo', 'model name')}",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "0 unknown"
