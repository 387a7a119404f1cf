"""Each pipeline is a Flex Template or is none for a reason; what a template asks for is enough."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.change_log_options import ChangeLogConfig
from pipelines.live_flags import with_shipped_recording
from pipelines.options import JobConfig, check_script_flags, parse_options
from templates.arguments import flags_of
from templates.catalogue import NO_TEMPLATES, TEMPLATES
from transforms.sql.errors import Script

ROOT = Path(__file__).parents[2]

GIVEN = {
    "kafka_brokers": "kafka-1:9092,kafka-2:9092",
    "schema_registry": "https://registry:8081",
    "kafka_group": "shop",
    "pubsub_project": "my-project",
    "pubsub_topic": "accounts",
    "dead_letters": "pubsub:projects/my-project/topics/letters",
    "lookup_url": "postgresql+psycopg://reader@db/customers",
    "job": "gs://my-bucket/my.sql",
    "subscription": "projects/my-project/subscriptions/accounts",
    "splunk_url": "https://hec-1:8088;https://hec-2:8088",
    "splunk_token": "secret://projects/my-project/secrets/hec/versions/3",
    "topics": r"shop\..*",
    "source_name": "shop",
    "warehouse": "bigquery:my-project",
}


def commands() -> set[str]:
    """The modules of pipelines/ that are run as commands."""
    found = set()
    for path in (ROOT / "pipelines").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(
            isinstance(node, ast.If) and "__main__" in ast.dump(node.test) for node in tree.body
        ):
            found.add(path.stem)
    return found


def options_of(name: str) -> PipelineOptions:
    """The options of the template, with what it must be given and nothing else."""
    template = TEMPLATES[name]
    argv = [f"--{flag}={GIVEN[flag]}" for flag in template.required]
    return parse_options(flags_of(template, [*argv, "--runner=DataflowRunner"], {}, lambda at: at))


def test_every_pipeline_is_a_template_or_is_none_for_a_reason() -> None:
    assert set(TEMPLATES) | set(NO_TEMPLATES) == commands()
    assert not set(TEMPLATES) & set(NO_TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_has_its_folder_with_a_main_that_launches_it(name: str) -> None:
    folder = ROOT / "templates" / name
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "main.py",
        "metadata.json",
    }
    assert f'launch_pipeline("{name}", sys.argv[1:])' in (folder / "main.py").read_text()
    assert TEMPLATES[name].main.__module__ == f"pipelines.{name}"


@pytest.mark.parametrize("name", ["aml", "aml_velocity", "splunk"])
def test_what_a_template_asks_for_is_taken_by_the_pipelines_script(name: str) -> None:
    config = JobConfig.from_options(options_of(name), name)
    script = Script(name, (ROOT / "pipelines" / f"{name}.sql").read_text(encoding="utf-8"))
    check_script_flags(script, config)
    assert config.follow
    if name != "splunk":
        live = with_shipped_recording(config, Path("unused"))
        assert live.recording is None
        assert not live.sinks_are_files


@pytest.mark.parametrize("name", ["aml", "aml_velocity", "splunk"])
def test_no_parameter_is_a_flag_that_the_pipelines_script_refuses(name: str) -> None:
    script = Script(name, (ROOT / "pipelines" / f"{name}.sql").read_text(encoding="utf-8"))
    offered = {"kafka_brokers", "kafka_group", "schema_registry", "pubsub_project", "pubsub_topic"}
    offered -= set(TEMPLATES[name].all_left_out)
    config = JobConfig("out", {}, False, 1, "auto", live={flag: "x" for flag in offered})
    check_script_flags(script, config)


def test_what_the_change_log_asks_for_is_enough() -> None:
    config = ChangeLogConfig.from_options(options_of("change_log"))
    assert (config.source_name, config.recording, config.job.follow) == ("shop", None, True)


def test_the_sql_job_gets_its_script() -> None:
    assert options_of("sql_job").get_all_options()["job"] == GIVEN["job"]
