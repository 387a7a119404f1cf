"""metadata.json of each Flex Template is what the options of its pipeline say, in Google's form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.cloud.dataflow_v1beta3 import ParameterMetadata, TemplateMetadata
from google.protobuf import json_format

from pipelines.options import JobOptions
from pipelines.runner_flags import RunnerOptions
from templates import metadata
from templates.catalogue import LEFT_OUT, TEMPLATES, Template
from templates.flags import actions_of, is_repeated, is_switch, parameters_of
from templates.parameter_facts import KINDS, PATTERNS, READ_AT_LAUNCH, SECRETS

all_templates = pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))


def written(template: Template) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(metadata.path_of(template).read_text(encoding="utf-8"))
    return loaded


def parsed(document: dict[str, Any]) -> TemplateMetadata:
    """The document as Dataflow's own message; json_format.ParseError for what that has not."""
    message = TemplateMetadata()
    json_format.ParseDict(document, TemplateMetadata.pb(message), ignore_unknown_fields=False)
    return message


def options_of(template: Template) -> set[str]:
    """The names of all flags of the pipeline, asked without the code under test."""
    classes = (template.options, JobOptions, RunnerOptions)
    return {action.dest for options in classes for action in actions_of(options)}


@all_templates
def test_the_file_is_what_the_options_say(template: Template) -> None:
    path = metadata.path_of(template)
    assert path.read_text(encoding="utf-8") == metadata.text_of(template), (
        "templates.metadata --write"
    )


@all_templates
def test_every_parameter_is_an_option_and_every_option_a_parameter_or_left_out(
    template: Template,
) -> None:
    names = [parameter["name"] for parameter in written(template)["parameters"]]
    assert len(set(names)) == len(names)
    left_out = template.all_left_out
    assert set(names) | set(left_out) == options_of(template)
    assert not set(names) & set(left_out)
    assert all(len(reason) > 5 for reason in left_out.values())


@all_templates
def test_googles_own_message_takes_the_file_and_loses_nothing_of_it(template: Template) -> None:
    document = written(template)
    back = json_format.MessageToDict(
        TemplateMetadata.pb(parsed(document)), always_print_fields_with_no_presence=True
    )
    assert {name: back[name] for name in document if name != "parameters"} == {
        name: value for name, value in document.items() if name != "parameters"
    }
    for parameter, seen in zip(document["parameters"], back["parameters"], strict=True):
        for name, value in parameter.items():
            if name == "enumOptions":
                assert [one["value"] for one in seen[name]] == [one["value"] for one in value]
            else:
                assert seen[name] == value


def test_googles_message_refuses_what_it_does_not_know() -> None:
    document = written(TEMPLATES["aml"])
    with pytest.raises(json_format.ParseError):
        parsed({**document, "parameter": []})
    document["parameters"][0]["paramType"] = "PASSWORD"
    with pytest.raises(json_format.ParseError):
        parsed(document)


@all_templates
def test_what_must_be_given_comes_first_and_has_no_default(template: Template) -> None:
    parameters = parsed(written(template)).parameters
    required = [one.name for one in parameters if not one.is_optional]
    assert set(required) == set(template.required)
    assert [one.name for one in parameters][: len(required)] == required
    for one in parameters:
        if not one.is_optional:
            assert not one.default_value
            assert "Default" not in one.help_text


@all_templates
def test_every_parameter_tells_what_it_is(template: Template) -> None:
    for one in parsed(written(template)).parameters:
        assert re.fullmatch(r"[A-Z][A-Za-z /]+", one.label), one.label
        assert len(one.help_text) > 20, one.name
        assert "%%" not in one.help_text


@all_templates
def test_defaults_and_choices_are_those_of_the_flags(template: Template) -> None:
    shown = {one.name: one for one in parsed(written(template)).parameters}
    for action in parameters_of(template):
        one = shown[action.dest]
        if action.choices is not None:
            assert [option.value for option in one.enum_options] == list(action.choices)
        if is_switch(action):
            assert (one.param_type.name, one.default_value) == ("BOOLEAN", "false")
        elif action.type in (int, float) and one.is_optional and action.default is not None:
            assert float(one.default_value) == action.default
        if is_repeated(action):
            assert "everal are a JSON list of texts" in one.help_text


@all_templates
def test_a_default_passes_the_patterns_and_is_among_the_choices(template: Template) -> None:
    for one in parsed(written(template)).parameters:
        if one.default_value:
            assert all(re.fullmatch(pattern, one.default_value) for pattern in one.regexes)
            assert not one.enum_options or one.default_value in {
                option.value for option in one.enum_options
            }


def test_all_facts_are_about_parameters_that_there_are() -> None:
    names = {action.dest for one in TEMPLATES.values() for action in parameters_of(one)}
    for facts in (set(PATTERNS), set(KINDS), SECRETS, READ_AT_LAUNCH):
        assert facts <= names
    everything = {name for one in TEMPLATES.values() for name in options_of(one)}
    assert set(LEFT_OUT) <= everything


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
def test_patterns_are_posix_ones_for_the_whole_text(pattern: str) -> None:
    assert pattern[0] == "^"
    assert pattern[-1] == "$"
    assert not re.search(r"\\[a-zA-Z]|\(\?|[*+?}][?+]", pattern)
    assert not re.search(pattern, "")


def test_a_file_that_is_not_what_the_options_say_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metadata, "FOLDER", tmp_path)
    assert metadata.main([]) == 1
    assert "aml/metadata.json: not what the options say" in capsys.readouterr().out
    assert metadata.main(["--write"]) == 0
    assert (tmp_path / "aml" / "metadata.json").read_text() == metadata.text_of(TEMPLATES["aml"])
    (tmp_path / "aml" / "metadata.json").write_text("{}")
    assert metadata.stale() == [tmp_path / "aml" / "metadata.json"]
    assert metadata.main(["--write"]) == 0
    assert metadata.main([]) == 0


def test_parameter_types_that_are_used_are_googles() -> None:
    used = {one["paramType"] for t in TEMPLATES.values() for one in written(t)["parameters"]}
    assert used == {"TEXT", "NUMBER", "BOOLEAN", "ENUM", "GCS_READ_FILE", "GCS_WRITE_FOLDER"}
    assert "param_type" in ParameterMetadata.meta.fields
