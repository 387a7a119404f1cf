"""An install is done once, whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.stack.echo_part import Echo
from tests.stack.home import VARIABLE
from tests.stack.installing import folder_of, install, install_all, is_installed
from tests.stack.part import Missing, StackError
from tests.stack.stack import silent


class Counted(Echo):
    """Counts its installs; breaks those whose number it was given."""

    name = "counted"

    def __init__(self, breaks: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.installs = 0
        self._breaks = breaks

    def install(self, folder: Path) -> None:
        assert not list(folder.iterdir())
        self.installs += 1
        (folder / "half").write_text("half")
        if self.installs in self._breaks:
            message = "the line went dead"
            raise StackError(message)
        (folder / "whole").write_text("whole")


class Newer(Counted):
    """The same part, made otherwise."""

    recipe = "2"


class Other(Counted):
    """Another part."""

    name = "other"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))


def test_a_finished_install_is_not_repeated() -> None:
    part = Counted()
    install(part, silent)
    install(part, silent)
    assert part.installs == 1


def test_a_broken_install_leaves_nothing_and_is_repeated() -> None:
    part = Counted(breaks=(1,))
    with pytest.raises(Missing, match="counted could not be installed: the line went dead"):
        install(part, silent)
    assert not folder_of("counted").exists()
    install(part, silent)
    assert is_installed(part)


@pytest.mark.parametrize("damage", ["removed", "cut short", "without a stamp"])
def test_a_damaged_install_is_repeated(damage: str) -> None:
    part = Counted()
    folder = install(part, silent)
    if damage == "removed":
        (folder / "whole").unlink()
    elif damage == "cut short":
        (folder / "whole").write_text("wh")
    else:
        (folder / ".stamp.json").unlink()
    assert not is_installed(part)
    install(part, silent)
    assert (folder / "whole").read_text() == "whole"


def test_another_recipe_replaces_what_is_there() -> None:
    folder = install(Counted(), silent)
    (folder / "old").touch()
    newer = Newer()
    install(newer, silent)
    assert newer.installs == 1
    assert not (folder / "old").exists()


def test_two_that_install_at_a_time_install_once() -> None:
    part = Counted()
    threads = [threading.Thread(target=install, args=(part, silent)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert part.installs == 1


def test_every_part_that_cannot_be_installed_is_told() -> None:
    with pytest.raises(Missing) as error:
        install_all([Counted(breaks=(1,)), Other(breaks=(1,))], silent)
    assert str(error.value).splitlines() == [
        "counted could not be installed: the line went dead",
        "other could not be installed: the line went dead",
    ]
