"""What measures writes its section of a page and nothing else."""

from __future__ import annotations

import pytest

from tests.benchmarks.page import PAGE, machine, replaced

TEXT = """\
# Page

<!-- one: written by x -->

old

<!-- end -->

between

<!-- two: written by y -->
<!-- end -->
after
"""


def test_a_section_is_replaced_and_the_rest_stays() -> None:
    found = replaced(replaced(TEXT, "one", "new"), "two", "more\n")
    assert found == TEXT.replace("\nold\n", "\nnew\n").replace("y -->\n", "y -->\n\nmore\n\n")


def test_writing_the_same_section_again_changes_nothing() -> None:
    once = replaced(TEXT, "two", "more")
    assert replaced(once, "two", "more") == once


def test_a_page_without_the_section_is_refused() -> None:
    with pytest.raises(ValueError, match="no section between '<!-- three"):
        replaced(TEXT, "three", "new")


@pytest.mark.parametrize("name", ["flink", "growth"])
def test_the_page_of_the_project_has_the_sections(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "\nnew text\n" in replaced(text, name, "new text")


def test_a_machine_is_described_by_what_decides_speed() -> None:
    assert " cores of " in machine()["processor"]
    assert machine()["memory"].endswith(" GiB")
