"""Which ways of writing are taken on which runner, and what is said of the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.change_log_once import check_writing
from pipelines.change_log_options import BigQueryMethod, ChangeLogConfig
from pipelines.options import FlagError, parse_options
from pipelines.runners import choose_runner

RECORDING = "--source=recording:somewhere"
KAFKA = (
    "--source=kafka",
    "--kafka_brokers=h:1",
    "--schema_registry=http://h",
    "--topics=a",
    "--kafka_group=g",
)
FILE = "--warehouse=duckdb:w.duckdb"
ONCE, BEAM = "--exactly_once", "--bigquery_method=beam"
SERVICE = "--expansion_service=h:2"
FLINK, DATAFLOW, PRISM = (f"--runner={name}Runner" for name in ("Flink", "Dataflow", "Prism"))
FOLLOW = "--follow"
NATIVE_READER, JAVA_READER = "--kafka_reader=native", "--kafka_reader=java"


def checked(*flags: str) -> ChangeLogConfig:
    """What the flags say, into BigQuery unless told otherwise."""
    given = (
        flags
        if any(flag.startswith("--warehouse") for flag in flags)
        else (
            *flags,
            "--warehouse=bigquery:p",
        )
    )
    options = parse_options(given)
    config = ChangeLogConfig.from_options(options)
    check_writing(config, choose_runner(options), options)
    return config


@pytest.mark.parametrize(
    "flags",
    [
        (RECORDING,),
        (RECORDING, FILE),
        (RECORDING, ONCE),
        (*KAFKA, ONCE),
        (*KAFKA, ONCE, FOLLOW),
        (RECORDING, BEAM, SERVICE),
        (*KAFKA, BEAM, SERVICE),
        (*KAFKA, BEAM, SERVICE, FOLLOW, FLINK),
        (*KAFKA, BEAM, SERVICE, FOLLOW, DATAFLOW),
        (*KAFKA, BEAM, SERVICE, FOLLOW, PRISM, JAVA_READER),
        (*KAFKA, BEAM, SERVICE, FOLLOW, DATAFLOW, ONCE),
        (*KAFKA, FOLLOW, FLINK),
        (*KAFKA, FOLLOW, PRISM),
    ],
    ids=" ".join,
)
def test_what_works_is_taken(flags: tuple[str, ...]) -> None:
    config = checked(*flags)
    assert config.exactly_once == (ONCE in flags)
    assert (config.bigquery_method is BigQueryMethod.BEAM) == (BEAM in flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((RECORDING, FILE, ONCE), "--exactly_once is of BigQuery: its streams know .* has none"),
        ((RECORDING, FILE, BEAM), "--bigquery_method=beam is of BigQuery.* is a file"),
        ((RECORDING, "--bigquery_method=load"), "bigquery_method: invalid choice: 'load'"),
        ((*KAFKA, ONCE, FOLLOW, FLINK), "FlinkRunner: .*several write.*leave out --runner$"),
        ((*KAFKA, ONCE, FOLLOW, DATAFLOW), "DataflowRunner: .*several write.*=beam"),
        ((*KAFKA, ONCE, FOLLOW, PRISM), "PrismRunner: .*several write.*leave out --runner$"),
        ((*KAFKA, ONCE, "--direct_num_workers=2"), "--direct_num_workers=2 with --exactly_once"),
        ((RECORDING, ONCE, BEAM, SERVICE), "DirectRunner keeps no state over a restart"),
        ((*KAFKA, ONCE, BEAM, SERVICE), "DirectRunner keeps no state over a restart"),
        (
            (*KAFKA, ONCE, BEAM, SERVICE, FOLLOW, PRISM, JAVA_READER),
            "PrismRunner keeps no state over a restart",
        ),
        ((RECORDING, ONCE, BEAM, SERVICE, DATAFLOW), "a recording is read from its start by each"),
        ((*KAFKA, ONCE, BEAM, SERVICE, FOLLOW, FLINK), "on FlinkRunner it stores no row"),
        (
            (*KAFKA, BEAM, SERVICE, FOLLOW, FLINK, NATIVE_READER),
            "committed before Java has written the rows; take --kafka_reader=java",
        ),
        ((*KAFKA, BEAM, SERVICE, FOLLOW), "would start Java anew for each look"),
        (
            (*KAFKA, BEAM, SERVICE, FOLLOW, PRISM),
            "committed before Java has written the rows; take --kafka_reader=java",
        ),
        ((RECORDING, BEAM), "needs Java: there is no `java` on the PATH"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, tuple) else "",
)
def test_what_would_not_be_what_it_is_called_is_refused(
    flags: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FlagError, match=message):
        checked(*flags)


def test_the_page_has_a_line_for_each_runner() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bigquery.md").read_text(encoding="utf-8")
    for name in ("DirectRunner", "Prism", "Flink", "Dataflow"):
        assert f"| {name} |" in page, name
