"""Logins that flags give become options of a script's tables, whatever their values hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.schema_registry import SchemaRegistry
from pipelines import aml, aml_velocity
from pipelines.change_log_options import ChangeLogConfig
from pipelines.change_log_sources import schemas_of
from pipelines.options import FlagError, JobConfig, parse_options
from pipelines.script_flags import kafka_values, lookup_values, options_text
from transforms.sql.errors import Script
from transforms.sql.job import compile_job
from transforms.sql.tables import Table

URLS = ["--lookup_url=postgresql+psycopg://db/customers", "--kafka_brokers=k:9092"]
VELOCITY = aml_velocity.SCRIPT
MINUTES = aml_velocity.values(parse_options([]))
LIVE = {"LOOKUP_URL": "postgresql+psycopg://db/customers", "PUBSUB_TOPIC": "topic"}


def kafka(*flags: str) -> dict[str, str]:
    options = parse_options(flags)
    return kafka_values(options, JobConfig.from_options(options, "aml"))


def tables(script: Path, values: dict[str, str]) -> dict[str, Table]:
    text = Script(script.name, script.read_text(encoding="utf-8"))
    return compile_job(text, {**LIVE, **values}).tables


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_an_option_has_the_value_that_the_flag_had(value: str) -> None:
    script = (
        "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'json'"
        "${OPTIONS:-}); CREATE TABLE p (a INT) WITH ('connector' = 'print'); "
        "INSERT INTO t SELECT a FROM p;"
    )
    values = {"OPTIONS": options_text({"path": value})}
    assert compile_job(Script("s.sql", script), values).tables["t"].options["path"] == value


def test_every_topic_of_a_script_gets_the_properties_of_the_flags() -> None:
    jaas = 'Login required username="o\'neil" password="env://KAFKA_PASSWORD";'
    values = kafka(
        *URLS,
        "--kafka_property=security.protocol=SASL_SSL",
        f"--kafka_property=sasl.jaas.config={jaas}",
        "--registry_property=username=reader",
        "--registry_property=password=env://REGISTRY_PASSWORD",
    )
    for script, names in ((aml.SCRIPT, ("transfers", "card_payments")), (VELOCITY, ("transfers",))):
        found = tables(script, {**values, **MINUTES})
        for name in names:
            options = found[name].options
            assert options["properties.security.protocol"] == "SASL_SSL"
            assert options["properties.sasl.jaas.config"] == jaas
            assert options["schema-registry.username"] == "reader"
            assert options["schema-registry.password"] == "env://REGISTRY_PASSWORD"


def test_both_lookups_get_the_login_of_the_flags() -> None:
    flags = [*URLS, "--lookup_user=reader", "--lookup_password=env://LOOKUP_PASSWORD"]
    found = tables(aml.SCRIPT, lookup_values(parse_options(flags)))
    for name in ("customers", "customer_flags"):
        options = found[name].options
        assert (options["username"], options["password"]) == ("reader", "env://LOOKUP_PASSWORD")


def test_without_flags_the_tables_have_what_the_script_says() -> None:
    given = {**lookup_values(parse_options(URLS)), **kafka(*URLS)}
    assert set(given.values()) == {""}
    assert tables(aml.SCRIPT, given).keys() == tables(aml.SCRIPT, {}).keys()
    assert tables(aml.SCRIPT, given)["customers"].options == (
        tables(aml.SCRIPT, {})["customers"].options
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--kafka_property=x"], "--kafka_property=x: expected NAME=VALUE"),
        (["--registry_property==v"], "--registry_property==v: expected NAME=VALUE"),
        (["--kafka_property=group.id=g"], "it has a flag of its own, --kafka_group"),
        (["--kafka_property=bootstrap.servers=b:1"], "--kafka_brokers"),
        (["--registry_property=url=http://r"], "--schema_registry"),
        (["--registry_property=user=u"], "no such property; did you mean 'username'?"),
        (["--registry_property=google-token=x"], "expected 'true' or 'false'"),
        (["--recording=dir", "--kafka_property=a=b"], "--kafka_property is of --kafka_brokers"),
    ],
)
def test_a_property_that_does_not_fit_is_told(flags: list[str], expected: str) -> None:
    with pytest.raises(FlagError) as raised:
        kafka(*flags)
    assert expected in str(raised.value)


def test_a_password_in_clear_is_refused_and_not_shown() -> None:
    with pytest.raises(FlagError) as lookup:
        lookup_values(parse_options([*URLS, "--lookup_password=hunter2"]))
    with pytest.raises(FlagError) as registry:
        kafka("--registry_property=password=hunter2")
    for told in (str(lookup.value), str(registry.value)):
        assert "hunter2" not in told
        assert "expected a reference: env://NAME" in told


def test_the_change_log_shows_the_registry_its_login() -> None:
    flags = [
        "--source=kafka",
        "--topics=shop",
        "--warehouse=duckdb:shop.duckdb",
        "--kafka_brokers=k:9092",
        "--schema_registry=https://r",
        "--registry_property=username=reader",
        "--registry_property=password=env://REGISTRY_PASSWORD",
    ]
    registry = schemas_of(ChangeLogConfig.from_options(parse_options(flags)))
    assert isinstance(registry, SchemaRegistry)
    assert (registry.username, registry.password) == ("reader", "env://REGISTRY_PASSWORD")


def test_a_login_without_a_database_is_told() -> None:
    with pytest.raises(FlagError, match="are of --lookup_url, which is missing"):
        lookup_values(parse_options(["--lookup_user=reader"]))


def test_the_secrets_of_kafka_in_clear_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--schema_registry=http://r", "--kafka_property=sasl.password=hunter2"]
    assert aml.main([*URLS, *flags, "--explain"]) != 0
    told = capsys.readouterr()
    assert "hunter2" not in told.err + told.out
