"""Types as a script writes them, and the types that two types have in common."""

from __future__ import annotations

import pytest

from tests.transforms.sql.evaluation import type_of
from transforms.sql.errors import SqlError
from transforms.sql.type_rules import common_type
from transforms.sql.types import NULL, polars_type

WRITTEN = {
    "BOOLEAN": "BOOLEAN",
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INT": "INT",
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "DOUBLE PRECISION": "DOUBLE",
    "DECIMAL": "DECIMAL(10, 0)",
    "DECIMAL(5)": "DECIMAL(5, 0)",
    "NUMERIC(38, 38)": "DECIMAL(38, 38)",
    "CHAR": "CHAR(1)",
    "CHAR(3)": "CHAR(3)",
    "VARCHAR": "STRING",
    "VARCHAR(5)": "VARCHAR(5)",
    "STRING": "STRING",
    "BINARY": "BINARY(1)",
    "VARBINARY(2)": "VARBINARY(2)",
    "BYTES": "BYTES",
    "DATE": "DATE",
    "TIME": "TIME(0)",
    "TIME(3)": "TIME(3)",
    "TIMESTAMP": "TIMESTAMP(6)",
    "TIMESTAMP(9)": "TIMESTAMP(9)",
    "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP(6)",
    "TIMESTAMP_LTZ(3)": "TIMESTAMP_LTZ(3)",
    "TIMESTAMP(3) WITH LOCAL TIME ZONE": "TIMESTAMP_LTZ(3)",
    "ROW<a INT, b STRING NOT NULL>": "ROW<`a` INT, `b` STRING NOT NULL>",
    "ROW(a INT)": "ROW<`a` INT>",
    "ARRAY<ROW<a MAP<STRING, DECIMAL(5, 2)>>>": "ARRAY<ROW<`a` MAP<STRING, DECIMAL(5, 2)>>>",
    "INT ARRAY": "ARRAY<INT>",
}


@pytest.mark.parametrize(("written", "meant"), WRITTEN.items())
def test_a_type_is_read_with_flinks_defaults(written: str, meant: str) -> None:
    found = type_of(written)
    assert str(found) == meant
    assert polars_type(found) is not None
    assert type_of(str(found)) == found


@pytest.mark.parametrize(
    "written",
    ["DECIMAL(0, 0)", "DECIMAL(39, 0)", "DECIMAL(5, 6)", "TIMESTAMP(10)", "JSON", "UUID",
     "TIMESTAMP WITH TIME ZONE", "MAP<STRING>"],
)  # fmt: skip
def test_a_type_that_jobs_do_not_have_is_an_error(written: str) -> None:
    with pytest.raises(SqlError):
        type_of(written)


COMMON = """
TINYINT + SMALLINT = SMALLINT
INT + BIGINT = BIGINT
INT + DECIMAL(10, 2) = DECIMAL(12, 2)
TINYINT + DECIMAL(10, 2) = DECIMAL(10, 2)
BIGINT + DECIMAL(38, 18) = DECIMAL(38, 18)
DECIMAL(38, 0) + DECIMAL(38, 18) = DECIMAL(38, 0)
BIGINT + FLOAT = FLOAT
FLOAT + DECIMAL(5, 2) = DOUBLE
FLOAT + DOUBLE = DOUBLE
CHAR(3) + CHAR(3) = CHAR(3)
CHAR(3) + CHAR(1) = VARCHAR(3)
CHAR(3) + VARCHAR(5) = VARCHAR(5)
CHAR(3) + STRING = STRING
BINARY(3) + BYTES = BYTES
DATE + DATE = DATE
TIME(0) + TIME(3) = TIME(3)
TIMESTAMP(3) + TIMESTAMP(9) = TIMESTAMP(9)
TIMESTAMP(3) + TIMESTAMP_LTZ(9) = TIMESTAMP_LTZ(9)
ARRAY<INT> + ARRAY<BIGINT> = ARRAY<BIGINT>
ROW<x INT, y CHAR(1)> + ROW<p BIGINT, q STRING> = ROW<`x` BIGINT, `y` STRING>
MAP<CHAR(1), INT> + MAP<STRING, DOUBLE> = MAP<STRING, DOUBLE>
INT + STRING = none
INT + BOOLEAN = none
DATE + TIMESTAMP(3) = none
DATE + INT = none
STRING + BYTES = none
ROW<x INT> + ROW<x INT, y INT> = none
ARRAY<INT> + ARRAY<STRING> = none
MAP<STRING, INT> + MAP<INT, INT> = none
ARRAY<INT> + INT = none
"""


@pytest.mark.parametrize("line", COMMON.strip().splitlines())
def test_two_types_meet_as_in_flink(line: str) -> None:
    pair, _, expected = line.partition(" = ")
    left, right = (type_of(part) for part in pair.split(" + "))
    for one, other in ((left, right), (right, left)):
        found = common_type((one, other, NULL))
        if expected.startswith("ROW") and one is right:
            assert found is not None
        else:
            assert str(found or "none") == expected


def test_nulls_alone_have_the_type_null() -> None:
    assert common_type((NULL, NULL)) == NULL
    assert common_type((NULL, type_of("INT"))) == type_of("INT")
