"""The names that a query may use, and what each of them is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import polars as pl
from sqlglot import exp

from transforms.sql.errors import SqlError, did_you_mean, span_of
from transforms.sql.expression import Expression, Session
from transforms.sql.types import Kind


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table, view or subquery of a FROM clause, under its alias.

    names: its columns, in order. column: the expression of one, compiled when it is first asked
    for, so that what no one uses is never read.
    lookup: True for a table that is looked up by key.
    """

    alias: str
    names: Sequence[str]
    column: Callable[[str], Expression]
    lookup: bool = False


@dataclasses.dataclass
class QueryScope:
    """Resolves column names over the relations of one SELECT."""

    relations: list[Relation]
    session: Session
    extra: dict[str, Expression] = dataclasses.field(default_factory=dict)

    def add(self, relation: Relation, place: exp.Expr) -> None:
        """Adds a relation; SqlError at `place` if its alias is taken."""
        if any(other.alias == relation.alias for other in self.relations):
            message = f"the alias {relation.alias!r} is used twice; give one another by AS"
            raise SqlError(message, place.args.get("alias") or place)
        self.relations.append(relation)

    def column(self, node: exp.Column) -> Expression:
        if node.name in self.extra:
            return self.extra[node.name]
        relation, name, fields = self.resolve(node)
        expression = relation.column(name)
        for field in fields:
            expression = field_of(expression, field.name, field)
        return expression

    def resolve(self, node: exp.Column) -> tuple[Relation, str, list[exp.Expr]]:
        """The relation, the column's name in it, and the fields that follow; SqlError if none."""
        parts: list[exp.Expr] = list(node.parts)
        first = parts[0]
        by_alias = [relation for relation in self.relations if relation.alias == first.name]
        if len(parts) > 1 and by_alias:
            if parts[1].name not in by_alias[0].names:
                message = (
                    f"{first.name} has no column {parts[1].name!r}; "
                    f"{did_you_mean(parts[1].name, by_alias[0].names)}"
                )
                raise SqlError(message, parts[1])
            _check_once(by_alias[0], parts[1])
            return by_alias[0], parts[1].name, parts[2:]
        found = [relation for relation in self.relations if first.name in relation.names]
        if len(found) > 1:
            aliases = " or ".join(f"{relation.alias}.{first.name}" for relation in found)
            message = f"the column {first.name!r} is in several tables; write {aliases}"
            raise SqlError(message, first)
        if not found:
            known = [name for relation in self.relations for name in relation.names]
            if len(parts) > 1:
                known = [*known, *(relation.alias for relation in self.relations)]
                message = f"there is no table or column {first.name!r} here"
            else:
                message = f"there is no column {first.name!r} here"
            message = f"{message}; {did_you_mean(first.name, known)}"
            raise SqlError(message, first)
        _check_once(found[0], first)
        return found[0], first.name, parts[1:]

    def star(self, node: exp.Expr) -> Iterator[tuple[str, Expression]]:
        """Names and columns that `*` or `alias.*` stands for."""
        star = node.this if isinstance(node, exp.Column) else node
        if any(star.args.values()):
            message = "* stands for all columns; to leave some out or change them, name the columns"
            raise SqlError(message, node)
        alias = node.table if isinstance(node, exp.Column) else ""
        relations = [one for one in self.relations if not alias or one.alias == alias]
        if not relations:
            known = [one.alias for one in self.relations]
            message = f"there is no table {alias!r} here; {did_you_mean(alias, known)}"
            raise SqlError(message, node)
        span = span_of(node)
        for relation in relations:
            for name in relation.names:
                place = exp.column(name, relation.alias or None)
                if span is not None:
                    place.this.meta.update(start=span.start, end=span.end - 1)
                yield name, dataclasses.replace(relation.column(name), node=place)

    def uses_lookup(self, node: exp.Expr) -> bool:
        """True if an expression needs a looked up table's column."""
        return any(
            self.resolve(column)[0].lookup
            for column in node.find_all(exp.Column)
            if column.name not in self.extra
        )


def _check_once(relation: Relation, node: exp.Expr) -> None:
    """A view may give two columns one name; only using it is a mistake."""
    if list(relation.names).count(node.name) > 1:
        where = f" in {relation.alias}" if relation.alias else ""
        message = f"there are several columns {node.name!r}{where}; name them apart by AS"
        raise SqlError(message, node)


def field_of(expression: Expression, name: str, place: exp.Expr) -> Expression:
    """The field of a ROW; NULL where the ROW is. SqlError if it has no such field."""
    if expression.type.kind is not Kind.ROW:
        message = f"{name!r} is asked of a value of {expression.type}, which has no fields"
        raise SqlError(message, place)
    for field in expression.type.fields:
        if field.name == name:
            value: pl.Expr = expression.value.struct.field(name)
            return Expression(value, field.type, expression.failures)
    known = [field.name for field in expression.type.fields]
    message = f"the ROW has no field {name!r}; {did_you_mean(name, known)}"
    raise SqlError(message, place)
