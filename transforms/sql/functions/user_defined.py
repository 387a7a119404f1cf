"""Functions of a user, in Python over batches.

    @sql_function("MASK_IBAN", [STRING], STRING)
    def mask_iban(values: pl.Series) -> pl.Series:
        return values.str.head(4) + "****"

makes `MASK_IBAN(t.iban)` a function of every SQL job in the process. The function gets a Series an
argument, all of one length and of the engine's types, and gives a Series of that length and of the
type that it was registered with. Where it raises, the batch is given to it again a row at a time,
and the rows that it raises for are refused: the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from transforms.sql.expression import FUNCTIONS, Call, Expression
from transforms.sql.functions.arguments import expect_count, refusal
from transforms.sql.functions.registration import function
from transforms.sql.types import Kind, SqlType, polars_type

Implementation = Callable[..., pl.Series]


class UserFunctionError(TypeError):
    """A user's function gave what it did not declare: every row of it is in doubt, so it stops."""


def register_function(
    name: str, implementation: Implementation, arguments: Sequence[SqlType], returns: SqlType
) -> None:
    """Makes `implementation` the SQL function `name`.

    ValueError for a name that is taken, or that SQL cannot call.
    """
    called = name.upper()
    if not called.isidentifier():
        message = f"the function name {name!r} is no SQL name; use letters, digits and _"
        raise ValueError(message)
    if called in FUNCTIONS:
        message = f"the SQL function {called} exists already; give {implementation!r} another name"
        raise ValueError(message)
    wanted = tuple(arguments)

    def compile_call(call: Call) -> Expression:
        return _compiled(call, implementation, wanted, returns)

    function(called)(compile_call)


def sql_function(
    name: str, arguments: Sequence[SqlType], returns: SqlType
) -> Callable[[Implementation], Implementation]:
    """`register_function` as a decorator."""

    def register(implementation: Implementation) -> Implementation:
        register_function(name, implementation, arguments, returns)
        return implementation

    return register


def _accepts(wanted: SqlType, given: SqlType) -> bool:
    if given.kind is Kind.NULL or (wanted.is_string and given.is_string):
        return True
    if wanted.is_integer and given.is_integer:
        kinds = (Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT)
        return kinds.index(given.kind) <= kinds.index(wanted.kind)
    if wanted.kind is Kind.DOUBLE and given.is_number:
        return True
    if wanted.kind is given.kind and wanted.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_LTZ, Kind.TIME):
        return True
    return polars_type(wanted) == polars_type(given)


def _compiled(
    call: Call, implementation: Implementation, wanted: tuple[SqlType, ...], returns: SqlType
) -> Expression:
    expect_count(call, len(wanted))
    columns: list[pl.Expr] = []
    for index, (argument, sql_type) in enumerate(zip(call.arguments, wanted, strict=True)):
        if not _accepts(sql_type, argument.type):
            message = f"argument {index + 1} is {argument.type}, expected {sql_type}; CAST it"
            raise call.error(message, index)
        columns.append(argument.value.cast(polars_type(sql_type)).alias(f"a{index}"))
    runner = _Runner(call.name, implementation, returns, len(wanted))
    # A function without arguments is given one that counts the rows.
    packed = pl.struct(columns) if columns else pl.struct(pl.lit(None).alias("none"))
    outcome = packed.map_batches(runner.run, return_dtype=runner.dtype, is_elementwise=True)
    refused = outcome.struct.field("error").is_not_null()
    failure = refusal(
        call, refused, "the function raised an error for the row", outcome.struct.field("error")
    )
    value = outcome.struct.field("value")
    return Expression(value, returns, (*call.failures, failure))


class _Runner:
    """Runs an implementation on batches: gives a Struct of `value` and `error`, of which a row has
    one. The last batch and its outcome are kept, since value and failure ask for the same."""

    def __init__(
        self, name: str, implementation: Implementation, returns: SqlType, count: int
    ) -> None:
        self.name = name
        self.implementation = implementation
        self.returns = returns
        self.names = [f"a{index}" for index in range(count)]
        value = pl.Field("value", polars_type(returns))
        self.dtype = pl.Struct([value, pl.Field("error", pl.String())])
        self._last: tuple[pl.Series, pl.Series] | None = None

    def run(self, batch: pl.Series) -> pl.Series:
        if self._last is not None and self._last[0].equals(batch, check_dtypes=True):
            return self._last[1]
        columns = [batch.struct.field(name) for name in self.names]
        outcome = self._outcome(columns, len(batch))
        self._last = (batch, outcome)
        return outcome

    def _outcome(self, columns: list[pl.Series], count: int) -> pl.Series:
        try:
            values = self._checked(self.implementation(*columns), count)
        except UserFunctionError:
            raise
        except Exception:
            return self._row_by_row(columns, count)
        frame = pl.DataFrame({"value": values}, schema={"value": polars_type(self.returns)})
        errors = pl.lit(None, pl.String()).alias("error")
        return frame.with_columns(errors).to_struct("outcome")

    def _row_by_row(self, columns: list[pl.Series], count: int) -> pl.Series:
        values: list[pl.Series] = []
        errors: list[str | None] = []
        empty = pl.Series([None], dtype=polars_type(self.returns))
        for row in range(count):
            try:
                rows = [column.slice(row, 1) for column in columns]
                values.append(self._checked(self.implementation(*rows), 1))
                errors.append(None)
            except UserFunctionError:
                raise
            except Exception as error:
                values.append(empty)
                errors.append(f"{type(error).__name__}: {error}")
        frame = pl.DataFrame(
            {"value": pl.concat(values), "error": pl.Series(errors, dtype=pl.String())}
        )
        return frame.to_struct("outcome")

    def _checked(self, values: object, count: int) -> pl.Series:
        if not isinstance(values, pl.Series):
            message = (
                f"the function {self.name} gave a {type(values).__name__}, expected a polars "
                f"Series of {count} values"
            )
            raise UserFunctionError(message)
        if len(values) != count:
            message = (
                f"the function {self.name} gave {len(values)} values for {count} rows; "
                "return a value for every row, None where there is none"
            )
            raise UserFunctionError(message)
        dtype = polars_type(self.returns)
        if values.dtype == pl.Null():
            return pl.Series([None] * count, dtype=dtype)
        if values.dtype != dtype:
            message = (
                f"the function {self.name} gave a Series of {values.dtype}, expected {dtype} for "
                f"{self.returns}; cast it in the function or register another type"
            )
            raise UserFunctionError(message)
        return values.alias("value")
