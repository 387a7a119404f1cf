"""A source whose changes are polled: its log has no transactions and no values left out."""

import dataclasses
import os
from pathlib import Path

import pytest

from kami import tables
from kami.commands.generate import generated
from kami.context import ConfiguredTable
from kami.views import view_columns
from tests.kami.hand_made import configured

GOLDEN = Path(__file__).parent / "golden" / "views" / "postgresql_polled.sql"
DDL = "CREATE TABLE lean (id INT PRIMARY KEY, body TEXT)"


def _polled(dialect: str) -> ConfiguredTable:
    table = configured(DDL, dialect)
    return dataclasses.replace(table, source=dataclasses.replace(table.source, polled=True))


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb"])
def test_the_log_of_a_polled_source_has_what_a_poll_knows(dialect: str) -> None:
    assert _polled(dialect).source_columns == tables.AUDIT_SOURCE


def test_a_source_with_a_log_has_its_connectors_layout() -> None:
    assert configured(DDL, "postgresql").source_columns == tables.POSTGRESQL_SOURCE
    assert configured(DDL, "mariadb").source_columns == tables.MYSQL_SOURCE


def test_a_poll_leaves_no_value_out() -> None:
    assert [column.toast for column in view_columns(configured(DDL, "postgresql"))] == [False, True]
    assert not any(column.toast for column in view_columns(_polled("postgresql")))


def test_the_golden_sql_of_a_polled_table_is_as_it_was() -> None:
    made = "\n".join(generated(_polled("postgresql")).values())
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        GOLDEN.write_text(made, encoding="utf-8")
    assert made == GOLDEN.read_text(encoding="utf-8")
