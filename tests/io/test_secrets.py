import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pipeline_io.secrets import SecretError, is_reference, read_secret

VERSION = "projects/p/secrets/s/versions/latest"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("env://NAME", True),
        ("file:///run/secrets/password", True),
        (f"secret://{VERSION}", True),
        ("hunter2", False),
        ("http://host", False),
        (" env://NAME", False),
        ("", False),
    ],
)
def test_references_are_told_from_plain_text(text: str, expected: bool) -> None:
    assert is_reference(text) is expected


def test_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMIFLOW_TEST", " päss\nword ")
    assert read_secret("env://KAMIFLOW_TEST") == " päss\nword "
    monkeypatch.setenv("KAMIFLOW_TEST", "")
    assert read_secret("env://KAMIFLOW_TEST") == ""
    monkeypatch.delenv("KAMIFLOW_TEST")
    with pytest.raises(SecretError, match="the environment variable KAMIFLOW_TEST is not set"):
        read_secret("env://KAMIFLOW_TEST")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("päss", "päss"),
        ("päss\n", "päss"),
        ("päss\r\n", "päss"),
        ("two\nlines\n", "two\nlines"),
        ("ends with an empty line\n\n", "ends with an empty line\n"),
        (" spaces ", " spaces "),
        ("", ""),
    ],
)
def test_a_secret_of_a_file_is_its_text_without_the_last_line_end(
    tmp_path: Path, text: str, secret: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(text.encode())
    assert read_secret(f"file://{file}") == secret


def test_a_file_that_is_not_there_or_no_text_is_told_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"gone: FileNotFoundError; is the secret mounted there"):
        read_secret(f"file://{tmp_path / 'gone'}")
    (tmp_path / "bytes").write_bytes(b"hunter2\xff")
    with pytest.raises(SecretError, match="UnicodeDecodeError") as stopped:
        read_secret(f"file://{tmp_path / 'bytes'}")
    assert "hunter2" not in str(stopped.value)
    with pytest.raises(SecretError, match="IsADirectoryError"):
        read_secret(f"file://{tmp_path}")


@pytest.mark.parametrize("text", ["hunter2", "ftp://hunter2", "://hunter2", "", "ENV://hunter2"])
def test_plain_text_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SecretError, match="by reference, as env://NAME or file://PATH") as stopped:
        read_secret(text)
    assert "hunter2" not in str(stopped.value)


class _Client:
    def access_secret_version(self, name: str) -> Any:
        if name != VERSION:
            from google.auth.exceptions import GoogleAuthError

            message = "hunter2 is not there"
            error: type[Exception] = GoogleAuthError
            raise error(message)
        return types.SimpleNamespace(payload=types.SimpleNamespace(data="päss".encode()))


def test_a_secret_of_the_secret_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.api_core")
    module = types.ModuleType("google.cloud.secretmanager")
    monkeypatch.setattr(module, "SecretManagerServiceClient", _Client, raising=False)
    monkeypatch.setitem(sys.modules, "google.cloud.secretmanager", module)
    import google.cloud

    monkeypatch.setattr(google.cloud, "secretmanager", module, raising=False)
    assert read_secret(f"secret://{VERSION}") == "päss"
    with pytest.raises(
        SecretError, match="GoogleAuthError; expected secret://projects/P"
    ) as stopped:
        read_secret("secret://projects/other")
    assert "hunter2" not in str(stopped.value)
