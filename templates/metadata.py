"""metadata.json of the Flex Templates, made of the pipelines' options.

    python -m templates.metadata            says which files are not what the options say
    python -m templates.metadata --write    writes them

A file is what Dataflow's console shows of a template, and what a launch is checked by.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from templates.catalogue import TEMPLATES, Template
from templates.flags import is_repeated, is_switch, parameters_of
from templates.parameter_facts import HELPS, KINDS, PATTERNS, WORDS

FOLDER = Path(__file__).parent
EXACTLY_ONCE = "EXACTLY_ONCE"
SEVERAL = "several are a JSON list of texts"


def metadata_of(template: Template) -> dict[str, Any]:
    """TemplateMetadata of Dataflow's API, as JSON."""
    return {
        "name": template.title,
        "description": template.description,
        "streaming": True,
        "supportsAtLeastOnce": template.at_least_once,
        "supportsExactlyOnce": True,
        "defaultStreamingMode": EXACTLY_ONCE,
        "parameters": [
            parameter_of(action, required=action.dest in template.required)
            for action in parameters_of(template)
        ],
    }


def parameter_of(action: argparse.Action, *, required: bool) -> dict[str, Any]:
    """ParameterMetadata of Dataflow's API, as JSON."""
    parameter: dict[str, Any] = {
        "name": action.dest,
        "label": label_of(action.dest),
        "helpText": _help(action, required=required),
        "isOptional": not required,
        "paramType": _kind(action),
    }
    if action.dest in PATTERNS:
        parameter["regexes"] = [PATTERNS[action.dest]]
    if action.choices is not None:
        parameter["enumOptions"] = [{"value": str(choice)} for choice in action.choices]
    default = _default(action)
    if default is not None and not required:
        parameter["defaultValue"] = default
    return parameter


def label_of(name: str) -> str:
    """The words of a flag's name, as a heading: Kafka brokers."""
    words = [WORDS.get(word, word) for word in name.split("_")]
    label = " ".join(words)
    return label[0].upper() + label[1:]


def _help(action: argparse.Action, *, required: bool) -> str:
    # argparse takes % for the begin of a name.
    text = HELPS.get(action.dest, action.help or "").replace("%%", "%")
    if required:
        # What the flag is without a value is nothing to know of a parameter that must have one.
        text = re.split(r" (?:Default\b|Required\.)", text)[0]
    if is_repeated(action):
        told = text.replace("may be repeated", SEVERAL)
        text = told if told != text else f"{text} {SEVERAL[0].upper()}{SEVERAL[1:]}."
    return text


def _kind(action: argparse.Action) -> str:
    if action.dest in KINDS:
        return KINDS[action.dest]
    if action.choices is not None:
        return "ENUM"
    if is_switch(action):
        return "BOOLEAN"
    return "NUMBER" if action.type in (int, float) else "TEXT"


def _default(action: argparse.Action) -> str | None:
    if is_switch(action):
        return "false"
    if isinstance(action.default, float):
        return f"{action.default:g}"
    return None if action.default is None else str(action.default)


def text_of(template: Template) -> str:
    """The file's text."""
    return json.dumps(metadata_of(template), indent=2, ensure_ascii=False) + "\n"


def path_of(template: Template) -> Path:
    return FOLDER / template.pipeline / "metadata.json"


def stale() -> list[Path]:
    """The files that are not what the options say."""
    return [
        path
        for template in TEMPLATES.values()
        if not (path := path_of(template)).is_file()
        or path.read_text(encoding="utf-8") != text_of(template)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the files, or says which ones are to be written: exit code 1 if there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="Write the files.")
    write = parser.parse_args(argv).write
    found = stale()
    for path in found:
        if write:
            template = TEMPLATES[path.parent.name]
            path.parent.mkdir(exist_ok=True)
            path.write_text(text_of(template), encoding="utf-8")
        told = "written" if write else "not what the options say: run it with --write"
        sys.stdout.write(f"{path.relative_to(FOLDER.parent)}: {told}\n")
    return 1 if found and not write else 0


if __name__ == "__main__":
    sys.exit(main())
