"""Runs the Java programs that encrypt and decrypt fields.

    python -m tests.transforms.encryption_java

makes new vectors.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.stack.command import run
from tests.stack.jdk import java, javac
from tests.stack.maven import Artifact, copy_dependencies

FOLDER = Path(__file__).parents[1] / "data" / "encryption"
KRYO_VERSIONS = ("4.0.3", "5.6.2")
_KRYO = Artifact("com.esotericsoftware", "kryo", KRYO_VERSIONS[-1])
_TINK = Artifact("com.google.crypto.tink", "tink", "1.16.0")
_GSON = Artifact("com.google.code.gson", "gson", "2.11.0")
_SOURCES = ("FieldValues.java", "PlatformFields.java")
_JAVA = 17


class _Program:
    """A program, compiled into a folder with the libraries that it takes."""

    def __init__(self, name: str, artifacts: Sequence[Artifact], folder: Path) -> None:
        self._name = name
        self._classes = folder / "classes"
        self._libraries = folder / "jars"
        copy_dependencies(artifacts, self._libraries)
        sources = [FOLDER / source for source in (*_SOURCES, f"{name}.java")]
        path = f"{self._libraries}/*"
        run([javac(_JAVA), "--release", str(_JAVA), "-cp", path, "-d", self._classes, *sources])

    def read(self, fields: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What Java reads of fields."""
        lines = self._run("read", "\n".join(json.dumps(field) for field in fields))
        return [json.loads(line) for line in lines.splitlines()]

    def _run(self, what: str, given: str, *more: str) -> str:
        path = f"{self._classes}:{self._libraries}/*"
        name = f"encryption.{self._name}"
        words = [str(java(_JAVA)), "-cp", path, name, what, str(FOLDER / "keys.json"), *more]
        done = subprocess.run(
            words, input=given, capture_output=True, check=False, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


class JavaFields(_Program):
    """Every form of fields. It reads those that have `form`, `text`, `type` and `associated`."""

    def __init__(self, folder: Path) -> None:
        super().__init__("EncryptionVectors", (_KRYO, _TINK), folder)

    def made(self) -> str:
        """Lines of vectors by the keys of the tests."""
        return self._run("make", "")


class JavaKryo(_Program):
    """One version of Kryo. It reads fields that have `text` and `references`."""

    def __init__(self, version: str, folder: Path) -> None:
        kryo = Artifact("com.esotericsoftware", "kryo", version)
        super().__init__("KryoVersions", (kryo, _GSON), folder)
        self.version = version

    def made(self) -> str:
        """Lines of vectors of this version."""
        return self._run("make", "", self.version)


def _make_all() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = JavaFields(Path(folder) / "fields").made()
        versions = [JavaKryo(one, Path(folder) / one).made() for one in KRYO_VERSIONS]
    (FOLDER / "vectors.jsonl").write_text(made)
    (FOLDER / "kryo_vectors.jsonl").write_text("".join(versions))


if __name__ == "__main__":
    _make_all()
