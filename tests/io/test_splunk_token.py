"""The token: read when it is needed, shown never."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_io.splunk_errors import SplunkAccessError
from pipeline_io.splunk_token import Token


def test_a_token_is_read_once_and_again_when_it_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("one\n", encoding="utf-8")
    token = Token(f"file://{secret}")
    assert token.value() == "one"
    secret.write_text("two", encoding="utf-8")
    assert token.value() == "one"
    assert token.changed("one")
    assert token.value() == "two"
    # Another thread has read it already.
    assert token.changed("one")
    assert not token.changed("two")
    assert "two" not in repr(token)


@pytest.mark.parametrize("text", ["", " \n", "se cret", "tök"])
def test_what_is_no_token_is_not_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEC", text)
    with pytest.raises(SplunkAccessError, match=r"env://HEC is no token of Splunk") as caught:
        Token("env://HEC").value()
    assert not text.strip() or text not in str(caught.value)


def test_a_secret_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEC", raising=False)
    with pytest.raises(SplunkAccessError, match="the environment variable HEC is not set"):
        Token("env://HEC").value()
