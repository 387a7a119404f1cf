"""From the parameters of a template to the flags of its pipeline.

Dataflow's launcher hands every parameter over as `--name=value`: switches as true and false,
several values as one text, and what was left empty in the console's form as nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.options import FlagError
from templates.catalogue import Template
from templates.flags import is_repeated, is_switch, parameters_of
from templates.parameter_facts import READ_AT_LAUNCH, REPEATED_START

IMAGE = "KAMIFLOW_IMAGE"
"""The environment variable that has the image's own name: workers run what the launcher runs."""
JAVA = "KAMIFLOW_JAVA"
"""The environment variable that has the path of the image's jar of Java transforms."""

_ON_OFF = {"true": True, "false": False}


def fetched(address: str) -> str:
    """A local copy of an object in a store, under its own name. Raises FlagError."""
    path = Path(tempfile.mkdtemp()) / address.rpartition("/")[2]
    try:
        with FileSystems.open(address) as file:
            path.write_bytes(file.read())
    except Exception as error:  # Each file system has its own; all of them mean the same here.
        message = f"{address}: {error}; expected an object that the launcher may read"
        raise FlagError(message) from error
    return str(path)


def flags_of(
    template: Template,
    argv: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    fetch: Callable[[str], str] = fetched,
) -> list[str]:
    """The pipeline's command line of a launcher's. Raises FlagError."""
    actions = {action.dest: action for action in parameters_of(template)}
    flags = list(template.fixed)
    for argument in argv:
        name, equals, value = argument.removeprefix("--").partition("=")
        action = actions.get(name)
        if action is None or not equals or not argument.startswith("--"):
            flags.append(argument)
        elif value:
            flags += _flags(action, value, fetch)
    given = {flag.partition("=")[0] for flag in flags}
    image = environment.get(IMAGE)
    if image == "":
        message = f"{IMAGE} is empty: build the image with --build-arg IMAGE=NAME:TAG, its own name"
        raise FlagError(message)
    if image is not None and "--sdk_container_image" not in given:
        # Without it the workers would be Beam's own image, which does not have this project.
        flags += [f"--sdk_container_image={image}", "--sdk_location=container"]
    return flags


def _flags(action: argparse.Action, value: str, fetch: Callable[[str], str]) -> Iterator[str]:
    name = action.dest
    if is_switch(action):
        if value.lower() not in _ON_OFF:
            message = f"--{name}={value!r}: expected true or false"
            raise FlagError(message)
        if _ON_OFF[value.lower()]:
            yield f"--{name}"
    elif is_repeated(action):
        yield from (f"--{name}={one}" for one in values_of(name, value))
    elif name in READ_AT_LAUNCH and "://" in value:
        yield f"--{name}={fetch(value)}"
    else:
        yield f"--{name}={value}"


def values_of(name: str, value: str) -> list[str]:
    """The values of a parameter that may be several: a JSON list, or one text. FlagError."""
    if not value.startswith(REPEATED_START):
        return [value]
    try:
        values = json.loads(value)
    except ValueError as error:
        message = f'--{name}: no JSON list ({error}); expected ["one","another"], or one text'
        raise FlagError(message) from error
    if not all(isinstance(one, str) for one in values):
        message = f'--{name}: a list of other things than texts; expected ["one","another"]'
        raise FlagError(message)
    return list(values)
