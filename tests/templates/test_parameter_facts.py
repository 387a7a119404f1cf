"""What a parameter's pattern takes, its pipeline takes as well."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io.secrets import is_reference
from pipelines.dead_letter_place import FilePlace, PlaceError, TopicPlace, place_of
from pipelines.warehouse_flags import SOURCE_NAME
from templates.parameter_facts import PATTERNS, SECRETS


def fitting(name: str) -> st.SearchStrategy[str]:
    """Texts that a parameter's pattern takes."""
    return st.from_regex(re.compile(PATTERNS[name], re.ASCII), fullmatch=True)


@settings(max_examples=30)
@given(fitting("dead_letters"))
def test_a_place_of_dead_letters_is_one(text: str) -> None:
    place = place_of(text)
    assert isinstance(place, FilePlace) is text.startswith("gs://")
    assert isinstance(place, TopicPlace) is text.startswith("pubsub:")


@given(fitting("source_name"))
def test_a_sources_name_is_one(text: str) -> None:
    assert SOURCE_NAME.fullmatch(text)


@given(st.text(max_size=8))
def test_a_name_that_the_pipeline_takes_fits(text: str) -> None:
    if SOURCE_NAME.fullmatch(text):
        assert re.fullmatch(PATTERNS["source_name"], text)


@settings(max_examples=30)
@pytest.mark.parametrize("name", sorted(SECRETS))
@given(data=st.data())
def test_a_secret_is_a_reference(name: str, data: st.DataObject) -> None:
    assert is_reference(data.draw(fitting(name)))


@pytest.mark.parametrize("text", ["pubsub:topics/t", "bigquery:p"])
def test_a_place_that_the_pipeline_refuses_fits_no_pattern(text: str) -> None:
    with pytest.raises(PlaceError):
        place_of(text)
    assert not re.fullmatch(PATTERNS["dead_letters"], text)
