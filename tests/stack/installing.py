"""Installs parts, each in its own folder, with a stamp that tells whether it is whole.

The stamp is written last and lists what was installed: a folder without one, of another recipe or
with a file missing is emptied and filled again.
"""

from __future__ import annotations

import concurrent.futures
import json
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

from tests.stack.home import home, locked
from tests.stack.part import Missing, Part, StackError

STAMP = ".stamp.json"


def folder_of(name: str) -> Path:
    """Where the part is installed."""
    return home() / "parts" / name


def is_installed(part: Part) -> bool:
    """Whether the part is there, whole and of its present recipe."""
    folder = folder_of(part.name)
    try:
        stamp = json.loads((folder / STAMP).read_text())
        files = stamp["files"].items()
        return stamp["recipe"] == part.recipe and all(
            (folder / name).lstat().st_size == size for name, size in files
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def install(part: Part, say: Callable[[str], None]) -> Path:
    """The folder of the part, filled now unless it is whole already.

    Missing when the machine lacks something, or the part cannot be brought.
    """
    folder = folder_of(part.name)
    with locked(home() / "parts" / f"{part.name}.lock"):
        if is_installed(part):
            return folder
        part.require()
        say(f"{part.name}: installing")
        since = time.monotonic()
        remove(folder)
        folder.mkdir(parents=True)
        try:
            part.install(folder)
        except Missing:
            remove(folder)
            raise
        except BaseException as error:
            remove(folder)
            message = f"{part.name} could not be installed: {error}"
            if isinstance(error, StackError | OSError):
                raise Missing(message) from error
            raise
        stamp = {"recipe": part.recipe, "files": _sizes(folder)}
        (folder / STAMP).write_text(json.dumps(stamp))
        say(f"{part.name}: installed in {time.monotonic() - since:.1f} s")
    return folder


def install_all(parts: Collection[Part], say: Callable[[str], None]) -> None:
    """Installs the parts at the same time; StackError that tells of every one that failed."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(len(parts), 1)) as pool:
        futures = [pool.submit(install, part, say) for part in parts]
        concurrent.futures.wait(futures)
    errors = [error for future in futures if (error := future.exception())]
    for error in errors:
        if not isinstance(error, StackError):
            raise error
    if errors:
        raise Missing("\n".join(str(error) for error in errors))


def remove(folder: Path) -> None:
    """Removes the folder with all that is in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        message = f"{str(folder)!r} cannot be removed; remove it by hand"
        raise StackError(message)


def _sizes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.lstat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() or path.is_symlink()
    }
