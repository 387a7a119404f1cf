"""What Dockerfiles run is run, as far as this machine has the tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack import beam_java
from tests.templates.docker_build import Build
from tests.templates.dockerfile import CHECKS, DOCKERFILES, FOLDER, ROOT, name_of

TRIED_ELSEWHERE = {
    FOLDER / "Dockerfile": ROOT / "tests" / "templates" / "test_template_image.py",
    FOLDER / "kami" / "Dockerfile": ROOT / "tests" / "templates" / "test_kami_image.py",
}
OTHERS = [path for path in DOCKERFILES if path not in TRIED_ELSEWHERE and path != CHECKS]


def test_every_dockerfile_is_tried() -> None:
    # That of the checks asks images of others for tools, and makes none itself.
    assert {*TRIED_ELSEWHERE, *OTHERS, CHECKS} == {*DOCKERFILES}
    for path in TRIED_ELSEWHERE.values():
        assert "@pytest.mark.slow" in path.read_text(encoding="utf-8")


# They bring hundreds of megabytes each.
@pytest.mark.slow
@pytest.mark.parametrize("path", OTHERS, ids=name_of)
def test_every_line_of_it_runs(path: Path, tmp_path: Path) -> None:
    made = Build(path, tmp_path, {"BEAM_VERSION": beam_java.BEAM}).run()
    assert made.user
