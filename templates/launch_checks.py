"""Parameters of a launch, held against the template's metadata before Dataflow is asked.

What Dataflow finds wrong it tells minutes later, in the log of a machine that it has started.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from templates.parameter_facts import REPEATED_START, SECRETS

FOLDER = Path(__file__).parent
_PASSWORD_OF_ADDRESS = re.compile(
    r"^[A-Za-z][\w+.:-]*://[^/?#]*:[^/?#]*@|[?&;](password|passwd|pwd|sslpassword)=", re.IGNORECASE
)
_SECRET_NAME = re.compile(
    r"(password|passwd|secret|token|credentials|jaas\.config|user\.info|api[._-]?key|ssl\..*key)$",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"(?<!\{)(env|file|secret)://|^(true|false)$")
"""A secret that is named, or a switch: whether Google's token is shown."""
_REFERENCES = "secret://projects/P/secrets/S/versions/V"


class LaunchError(ValueError):
    """A launch that would not do what was asked; the message says what to change."""


def pipelines() -> list[str]:
    """The pipelines that are templates."""
    return sorted(path.parent.name for path in FOLDER.glob("*/metadata.json"))


def metadata_of(pipeline: str) -> dict[str, Any]:
    """The metadata.json of a pipeline. Raises LaunchError."""
    if pipeline not in pipelines():
        message = f"--pipeline={pipeline}: expected one of {', '.join(pipelines())}"
        raise LaunchError(message)
    path = FOLDER / pipeline / "metadata.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def given_of(texts: Sequence[str]) -> dict[str, str]:
    """The parameters of a command line's NAME=VALUEs. Raises LaunchError."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.removeprefix("--")
        if not equals or not name:
            # Not the text itself: it may be a secret that lost its name.
            message = "a parameter is no NAME=VALUE, and is not shown: give each one with its name"
            raise LaunchError(message)
        if name in given:
            message = f'{name} is given twice; several values are a JSON list: {name}=["A","B"]'
            raise LaunchError(message)
        given[name] = value
    return given


def check_parameters(metadata: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Raises LaunchError for what the template does not take, what it lacks, what does not fit."""
    known = {parameter["name"]: parameter for parameter in metadata["parameters"]}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            message = f"{name} is no parameter of the template {metadata['name']!r}; {hint}"
            raise LaunchError(message)
    missing = [
        parameter
        for name, parameter in known.items()
        if not parameter["isOptional"] and not given.get(name)
    ]
    if missing:
        lines = "".join(f"\n  {one['name']}=...  {one['helpText']}" for one in missing)
        message = f"parameters are missing:{lines}"
        raise LaunchError(message)
    for name, value in given.items():
        _check_secret(name, value)
        _check_value(known[name], value)


def _check_value(parameter: Mapping[str, Any], value: str) -> None:
    name = parameter["name"]
    shown = f"{name} (its value is not shown)" if name in SECRETS else f"{name}={value!r}"
    choices = [option["value"] for option in parameter.get("enumOptions", ())]
    if choices and value not in choices:
        message = f"{shown}: expected one of {', '.join(choices)}"
        raise LaunchError(message)
    if parameter["paramType"] == "BOOLEAN" and value not in ("true", "false"):
        message = f"{shown}: expected true or false"
        raise LaunchError(message)
    if parameter["paramType"] == "NUMBER":
        try:
            float(value)
        except ValueError:
            message = f"{shown}: expected a number"
            raise LaunchError(message) from None
    for pattern in parameter.get("regexes", ()):
        if not re.fullmatch(pattern, value):
            message = f"{shown}: {parameter['helpText']} Expected a text like {pattern}"
            raise LaunchError(message)


def _check_secret(name: str, value: str) -> None:
    """Raises LaunchError for a secret in clear, which everybody sees who may look at the job. Its
    text is not in the message."""
    if _PASSWORD_OF_ADDRESS.search(value):
        message = (
            f"{name} is an address with a password in it, which everybody sees who may look at the "
            "job; take the password out, and give it by a reference where the pipeline takes one: "
            f"{_REFERENCES}"
        )
        raise LaunchError(message)
    for text in _texts(value):
        key, equals, secret = text.partition("=")
        if equals and secret and _SECRET_NAME.search(key.strip()) and not _REFERENCE.search(secret):
            message = (
                f"{name}: {key.strip()} is a secret in clear, which everybody sees who may look at "
                f"the job; give a reference as it is, without braces: {_REFERENCES}"
            )
            raise LaunchError(message)


def _texts(value: str) -> list[str]:
    """The texts of a value that may be a JSON list."""
    if not value.startswith(REPEATED_START):
        return [value]
    try:
        return [str(one) for one in json.loads(value)]
    except ValueError:
        return [value]
