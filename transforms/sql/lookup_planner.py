"""Plans lookups: `JOIN ... FOR SYSTEM_TIME AS OF` and LOOKUP_ARRAY."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from transforms.sql.compile import coerce, compile_expression
from transforms.sql.connectors import Role
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.expression import NOW, Expression, conjuncts
from transforms.sql.job import Job
from transforms.sql.plan import ArrayLookup, LookupJoin
from transforms.sql.query_types import array_element
from transforms.sql.row_wise import check_table
from transforms.sql.scope import QueryScope, Relation
from transforms.sql.tables import Table, column_type
from transforms.sql.types import Kind, SqlType

_HOW = (
    "a stream is joined with a looked up table so: "
    "JOIN t FOR SYSTEM_TIME AS OF s.proctime AS a ON a.key = s.column"
)


def lookup_relation(job: Job, join: exp.Join, number: int) -> Relation:
    """The relation of a join's looked up table; its columns are in frames after the join."""
    node = join.this
    check_table(node)
    if not isinstance(node, exp.Table) or node.args.get("version") is None:
        message = f"a join of two streams looks at several rows; {_HOW}"
        raise SqlError(message, node)
    table = job.relation(node)
    if not isinstance(table, Table):
        message = f"{node.name} is a view; {_HOW}"
        raise SqlError(message, node.this)
    table.require_role(Role.LOOKUP, node.this)
    for column in table.physical_columns():
        _check_type(column.name, column_type(column), column.node)
    prefix = lookup_prefix(number)
    columns = {
        column.name: Expression(pl.col(prefix + column.name), column_type(column))
        for column in table.physical_columns()
    }
    return Relation(node.alias or node.name, list(columns), columns.__getitem__, lookup=True)


def _check_type(name: str, sql_type: SqlType, place: exp.Expr) -> None:
    """SqlError for a type that no database's value is turned into."""
    nested = sql_type.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP)
    if nested or (sql_type.is_timestamp and (sql_type.precision or 0) > 6):
        message = (
            f"a looked up column cannot be {sql_type}, as {name!r} is; expected a number, BOOLEAN, "
            "STRING, BYTES, DATE, TIME, or a TIMESTAMP of at most 6 fractional digits"
        )
        raise SqlError(message, place)


def lookup_prefix(number: int) -> str:
    """What the names of a looked up table's columns begin with in a frame."""
    return f"__{number}."


def plan_lookup_join(job: Job, join: exp.Join, scope: QueryScope, relation: Relation) -> LookupJoin:
    """The step of a lookup join, from its ON clause. Earlier joins' columns may be keys."""
    side = " ".join(str(join.args.get(part) or "") for part in ("method", "side", "kind")).split()
    if side not in ([], ["INNER"], ["LEFT"], ["LEFT", "OUTER"]):
        message = f"{' '.join(side)} JOIN is not supported for a lookup; use JOIN or LEFT JOIN"
        raise SqlError(message, join)
    _check_time(join, scope)
    condition = join.args.get("on")
    if condition is None:
        message = f"the join has no ON clause; {_HOW}"
        raise SqlError(message, join.this)
    table = job.relation(join.this)
    if not isinstance(table, Table):
        message = f"{join.this.name} is no table; {_HOW}"
        raise SqlError(message, join.this)
    keys: dict[str, Expression] = {}
    residual: list[exp.Expr] = []
    for part in conjuncts(condition):
        key = _key(part, scope, relation)
        if key is None or key[0] in keys:
            residual.append(part)
            continue
        name, node = key
        column = table.column(name)
        if column is None:
            message = f"{table.name} has no column {name!r}"
            raise SqlError(message, node)
        keys[name] = coerce(
            compile_expression(node, scope, job.session), column_type(column), node, job.session
        )
    if not keys:
        message = f"the ON clause has no {relation.alias}.column = expression of the stream; {_HOW}"
        raise SqlError(message, condition)
    rest = None
    if residual:
        node = residual[0] if len(residual) == 1 else exp.and_(*residual, copy=True)
        rest = compile_expression(node, scope, job.session)
        if rest.type.kind is not Kind.BOOLEAN:
            message = f"ON needs a BOOLEAN, this is {rest.type}"
            raise SqlError(message, residual[0])
    prefix = relation.column(relation.names[0]).value.meta.output_name()
    return LookupJoin(
        table=table,
        alias=relation.alias,
        prefix=prefix[: len(prefix) - len(relation.names[0])],
        keys=tuple(keys.items()),
        keep_misses="LEFT" in side,
        residual=rest,
        node=join,
    )


def _check_time(join: exp.Join, scope: QueryScope) -> None:
    """A lookup is of now: the AS OF time must be the stream's processing time."""
    node = join.this.args["version"].expression
    column = (
        compile_expression(node, scope, scope.session) if isinstance(node, exp.Column) else None
    )
    if column is None or column.column_names() != {NOW}:
        message = (
            "FOR SYSTEM_TIME AS OF needs the stream's processing time: declare "
            "`proctime AS PROCTIME()` in its table and name that column"
        )
        raise SqlError(message, node if node is not None else join.this)


def _key(part: exp.Expr, scope: QueryScope, relation: Relation) -> tuple[str, exp.Expr] | None:
    """Column and stream expression of `alias.column = expression`, either way round."""
    if isinstance(part, exp.Paren):
        return _key(part.this, scope, relation)
    if not isinstance(part, exp.EQ):
        return None
    for mine, other in ((part.left, part.right), (part.right, part.left)):
        if not isinstance(mine, exp.Column):
            continue
        found, name, fields = scope.resolve(mine)
        others = [scope.resolve(column)[0] for column in other.find_all(exp.Column)]
        if found is relation and not fields and relation not in others:
            return name, other
    return None


def take_array_lookups(
    job: Job, node: exp.Expr, scope: QueryScope, first: int
) -> tuple[list[ArrayLookup], exp.Expr]:
    """The LOOKUP_ARRAYs of an expression as steps, and the expression with columns in their place.

    The columns are numbered from `first`; the caller puts them into `scope.extra`.
    """
    calls = [call for call in node.find_all(exp.Anonymous) if call.name.upper() == "LOOKUP_ARRAY"]
    if not calls:
        return [], node
    steps: list[ArrayLookup] = []
    node = node.copy()
    for call in list(node.find_all(exp.Anonymous)):
        if call.name.upper() != "LOOKUP_ARRAY":
            continue
        step = _array_lookup(job, call, scope, f"__array{first + len(steps)}")
        steps.append(step)
        column = exp.column(step.name)
        column.this.update_positions(call)
        if call is node:
            node = column
        else:
            call.replace(column)
    return steps, node


def _array_lookup(job: Job, call: exp.Anonymous, scope: QueryScope, name: str) -> ArrayLookup:
    arguments = call.expressions
    if len(arguments) not in (3, 4) or not all(one.is_string for one in arguments[:2]):
        message = (
            "LOOKUP_ARRAY takes a table's name, a query with :key, the key and, if need be, the "
            "type of a row: LOOKUP_ARRAY('flags', 'SELECT flag FROM flags WHERE id = :key', t.id)"
        )
        raise SqlError(message, call)
    table = job.tables.get(arguments[0].name)
    if table is None:
        known = [one.name for one in job.tables.values() if Role.LOOKUP in one.connector.roles]
        message = (
            f"LOOKUP_ARRAY: there is no table {arguments[0].name!r} whose connection it could use; "
            f"{did_you_mean(arguments[0].name, known)}"
        )
        raise SqlError(message, arguments[0])
    table.require_role(Role.LOOKUP, arguments[0])
    key = compile_expression(arguments[2], scope, job.session)
    if key.type.kind in (Kind.ROW, Kind.ARRAY, Kind.MAP, Kind.NULL):
        message = f"LOOKUP_ARRAY: a key is one value, this is {key.type}"
        raise SqlError(message, arguments[2])
    declared = arguments[3] if len(arguments) == 4 else None
    element = array_element(job, table, arguments[1], declared)
    for field in element.fields:
        _check_type(field.name, field.type, arguments[1] if declared is None else declared)
    return ArrayLookup(name, table, arguments[1].name, key, element, call)
