"""The launcher's parameters become the flags of the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.options import FlagError, parse_options
from templates.arguments import IMAGE, fetched, flags_of, values_of
from templates.catalogue import TEMPLATES

LOG = TEMPLATES["change_log"]
# What Dataflow's launcher adds.
OF_LAUNCHER = [
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=europe-west1",
    "--job_name=shop",
    "--staging_location=gs://bucket/staging",
    "--temp_location=gs://bucket/temp",
    "--template_location=gs://bucket/staging/template_launches/1/job_object",
    "--service_account_email=runner@my-project.iam.gserviceaccount.com",
    "--max_num_workers=4",
    '--labels={"team":"fraud"}',
]


def flags(*argv: str) -> list[str]:
    return flags_of(LOG, argv, {})


def test_a_switch_is_a_flag_where_it_is_true_and_none_where_it_is_false() -> None:
    assert "--exactly_once" in flags("--exactly_once=true")
    assert flags("--exactly_once=False") == flags()
    with pytest.raises(FlagError, match=r"^--exactly_once='yes': expected true or false$"):
        flags("--exactly_once=yes")


def test_what_was_left_empty_is_not_given() -> None:
    assert flags("--database=", "--source_name=shop") == [*flags(), "--source_name=shop"]


def test_every_launch_follows_the_topics() -> None:
    assert flags() == ["--follow", "--source=kafka"]


def test_several_values_are_a_json_list() -> None:
    assert flags('--encrypt=["items.card","items.iban"]')[2:] == [
        "--encrypt=items.card",
        "--encrypt=items.iban",
    ]
    assert flags("--kafka_property=a=b=c,d")[2:] == ["--kafka_property=a=b=c,d"]


@given(st.lists(st.text(), max_size=5))
def test_a_list_comes_back_whatever_its_texts_are(values: list[str]) -> None:
    assert values_of("encrypt", json.dumps(values)) == values


@pytest.mark.parametrize("text", ["[", '["a"', "[1]", '[["a"]]', "[null]"])
def test_what_is_no_list_of_texts_is_refused(text: str) -> None:
    with pytest.raises(FlagError, match=r"^--encrypt: .*expected \[\"one\",\"another\"\]"):
        values_of("encrypt", text)


def test_beam_takes_what_the_launcher_adds() -> None:
    options = parse_options(flags(*OF_LAUNCHER, "--exactly_once=true"))
    assert options.get_all_options()["template_location"].endswith("job_object")
    assert options.get_all_options()["exactly_once"] is True


def test_workers_run_the_image_of_the_launcher() -> None:
    made = flags_of(LOG, [], {IMAGE: "registry/kamiflow-change_log:1a2b"})
    assert made[2:] == [
        "--sdk_container_image=registry/kamiflow-change_log:1a2b",
        "--sdk_location=container",
    ]
    own = ["--sdk_container_image=registry/own:1"]
    assert flags_of(LOG, own, {IMAGE: "other"})[2:] == own
    assert parse_options(made).get_all_options()["sdk_location"] == "container"


def test_an_image_that_does_not_know_its_name_launches_nothing() -> None:
    with pytest.raises(FlagError, match=r"^KAMIFLOW_IMAGE is empty: build the image with"):
        flags_of(LOG, [], {IMAGE: ""})


def test_a_script_is_fetched_before_the_pipeline_reads_it(tmp_path: Path) -> None:
    template = TEMPLATES["sql_job"]
    made = flags_of(template, ["--job=gs://b/my.sql"], {}, lambda at: f"/copy/of/{at[5:]}")
    assert made == ["--follow", "--job=/copy/of/b/my.sql"]
    assert flags_of(template, ["--job=/local.sql"], {}) == ["--follow", "--job=/local.sql"]
    (tmp_path / "my.sql").write_text("SELECT 1")
    copy = Path(fetched(str(tmp_path / "my.sql")))
    assert (copy.name, copy.read_text()) == ("my.sql", "SELECT 1")
    with pytest.raises(FlagError, match=r"none\.sql: .*expected an object that the launcher may"):
        fetched(str(tmp_path / "none.sql"))
