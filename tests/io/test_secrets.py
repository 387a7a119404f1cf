import pickle
from pathlib import Path

import pytest

from pipeline_io.secrets import Secret, SecretError, is_reference, read_secret

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


def test_a_secret_is_read_once_and_again_when_it_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("one\n")
    secret = Secret(f"file://{file}")
    assert secret.value() == "one"
    file.write_text("two\n")
    assert secret.value() == "one"
    assert secret.changed("one")
    assert secret.value() == "two"
    # Another thread has read it already: no reason to read it once more.
    file.write_text("three\n")
    assert secret.changed("one")
    assert secret.value() == "two"
    assert secret.changed("two")
    file.unlink()
    with pytest.raises(SecretError, match="FileNotFoundError"):
        secret.changed("three")
    assert secret.hidden("one, two and three, and no other") == ("***, *** and ***, and no other")


def test_nothing_of_a_secret_but_its_reference_is_shown_or_pickled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAMIFLOW_TEST", "hunter2")
    secret = Secret("env://KAMIFLOW_TEST")
    secret.value()
    raw = pickle.dumps(secret)
    assert b"hunter2" not in raw
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    again = pickle.loads(raw)  # noqa: S301 - pickled above
    assert again == secret and hash(again) == hash(secret)
    assert again.value() == "hunter2"
    with pytest.raises(SecretError, match="by reference") as stopped:
        Secret("hunter2")
    assert "hunter2" not in str(stopped.value)
