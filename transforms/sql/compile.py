"""From the tree of an SQL expression to one typed polars expression, with Flink SQL's meaning."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable

from sqlglot import exp

from transforms.sql import compile_arithmetic as arithmetic
from transforms.sql import compile_collections as collections
from transforms.sql import compile_comparisons as comparisons
from transforms.sql import compile_literals as literals
from transforms.sql import compile_logic as logic
from transforms.sql import compile_patterns as patterns
from transforms.sql.casts import cast, coerce
from transforms.sql.errors import SqlError
from transforms.sql.expression import Call, Expression, Scope, Session, find_function
from transforms.sql.statements import JsonCall
from transforms.sql.type_rules import sql_type
from transforms.sql.types import BOOLEAN

__all__ = ["cast", "coerce", "compile_expression"]

_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.GT: ">",
    exp.LTE: "<=",
    exp.GTE: ">=",
}
# Calls that sqlglot reads by rules of their own, with the places of their arguments.
_CALLS: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Substring: ("SUBSTRING", ("this", "start", "length")),
    exp.StrPosition: ("POSITION", ("substr", "this")),
    exp.Overlay: ("OVERLAY", ("this", "expression", "from_", "for_")),
    exp.If: ("IF", ("this", "true", "false")),
    exp.Localtimestamp: ("LOCALTIMESTAMP", ()),
    exp.Localtime: ("LOCALTIME", ()),
    exp.CurrentTimestamp: ("CURRENT_TIMESTAMP", ()),
    exp.CurrentDate: ("CURRENT_DATE", ()),
    exp.CurrentTime: ("CURRENT_TIME", ()),
}


def compile_expression(node: exp.Expr, scope: Scope, session: Session) -> Expression:
    """The typed column of `node`, over the columns that `scope` knows.

    SqlError, with its place, for whatever the script cannot mean.
    """
    return _Compiler(scope, session).compile(node)


@dataclasses.dataclass(frozen=True)
class _Compiler:
    scope: Scope
    session: Session

    def compile(self, node: exp.Expr) -> Expression:
        return dataclasses.replace(self._compiled(node), node=node)

    def _compiled(self, node: exp.Expr) -> Expression:
        for kind, build in _NODES.items():
            if isinstance(node, kind):
                return build(self, node)
        for kind, sign in _ARITHMETIC.items():
            if isinstance(node, kind):
                left, right = self._operands(node)
                return arithmetic.arithmetic(sign, left, right, node, self.session)
        for kind, sign in _COMPARISONS.items():
            if isinstance(node, kind):
                left, right = self._operands(node)
                return comparisons.compare(sign, left, right, node, self.session)
        for kind, (name, places) in _CALLS.items():
            if isinstance(node, kind):
                nodes = [node.args[place] for place in places if node.args.get(place) is not None]
                return self.call(name, nodes, node)
        message = f"{node.sql()} is not supported in an expression"
        if isinstance(node, (exp.Query, exp.Subquery, exp.Exists)):
            message = "a query inside an expression is not supported; write a JOIN"
        elif isinstance(node, exp.Star):
            message = "* stands alone in a SELECT, not in an expression; name the columns"
        raise SqlError(message, node)

    def all(self, nodes: Iterable[exp.Expr]) -> list[Expression]:
        return [self.compile(node) for node in nodes]

    def call(self, name: str, nodes: Iterable[exp.Expr], node: exp.Expr) -> Expression:
        """The function called `name` of the compiled `nodes`."""
        implementation = find_function(name, node)
        arguments = tuple(self.compile(argument) for argument in nodes)
        return implementation(Call(name.upper(), arguments, node, self.session))

    def _operands(self, node: exp.Expr) -> tuple[Expression, Expression]:
        return self.compile(node.this), self.compile(node.expression)

    def boolean(self, node: exp.Expr, what: str) -> Expression:
        return logic.boolean(self.compile(node), what, node)

    def column(self, node: exp.Expr) -> Expression:
        return self.scope.column(typing.cast("exp.Column", node))

    def paren(self, node: exp.Expr) -> Expression:
        return self.compile(node.this)

    def literal(self, node: exp.Expr) -> Expression:
        if node.args.get("is_string"):
            return literals.string(node.name)
        return literals.number(node.name, node)

    def truth(self, node: exp.Expr) -> Expression:
        return literals.literal(bool(node.this), BOOLEAN)

    def negative(self, node: exp.Expr) -> Expression:
        operand = node.this
        # -9223372036854775808 is a BIGINT, though 9223372036854775808 is not.
        if isinstance(operand, exp.Literal) and not operand.args.get("is_string"):
            return literals.number(f"-{operand.name}", node)
        return arithmetic.negative(self.compile(operand), node)

    def conjunction(self, node: exp.Expr) -> Expression:
        return logic.conjunction(
            self.boolean(node.this, "AND"), self.boolean(node.expression, "AND")
        )

    def disjunction(self, node: exp.Expr) -> Expression:
        return logic.disjunction(self.boolean(node.this, "OR"), self.boolean(node.expression, "OR"))

    def negation(self, node: exp.Expr) -> Expression:
        return logic.negation(self.boolean(node.this, "NOT"))

    def is_test(self, node: exp.Expr) -> Expression:
        wanted = node.expression
        if isinstance(wanted, exp.Null):
            return logic.is_test(self.compile(node.this), None)
        if isinstance(wanted, exp.Boolean):
            return logic.is_test(self.boolean(node.this, "IS TRUE"), bool(wanted.this))
        if isinstance(wanted, exp.JSON):
            message = "IS JSON is not supported; JSON_EXISTS(value, '$') is TRUE for JSON"
            raise SqlError(message, node)
        message = "IS takes NULL, TRUE, FALSE, UNKNOWN, JSON or [NOT] DISTINCT FROM"
        raise SqlError(message, node)

    def distinct(self, node: exp.Expr) -> Expression:
        return comparisons.distinct(*self._operands(node), node, self.session)

    def not_distinct(self, node: exp.Expr) -> Expression:
        return logic.negation(self.distinct(node))

    def is_in(self, node: exp.Expr) -> Expression:
        if node.args.get("query") is not None or not node.expressions:
            message = "IN takes a list of values; for the rows of a query write a JOIN"
            raise SqlError(message, node)
        operand = self.compile(node.this)
        return comparisons.is_in(operand, self.all(node.expressions), node, self.session)

    def between(self, node: exp.Expr) -> Expression:
        operand = self.compile(node.this)
        low, high = self.compile(node.args["low"]), self.compile(node.args["high"])
        within = comparisons.between(operand, low, high, node, self.session)
        if node.args.get("symmetric"):
            turned = comparisons.between(operand, high, low, node, self.session)
            return logic.disjunction(within, turned)
        return within

    def like(self, node: exp.Expr, escape: Expression | None = None) -> Expression:
        if isinstance(node.expression, (exp.Any, exp.All)):
            message = "LIKE takes one pattern; join several by OR"
            raise SqlError(message, node)
        match = patterns.similar if isinstance(node, exp.SimilarTo) else patterns.like
        found = match(*self._operands(node), escape, node)
        return logic.negation(found) if node.args.get("negate") else found

    def escape(self, node: exp.Expr) -> Expression:
        if not isinstance(node.this, (exp.Like, exp.SimilarTo)):
            message = "ESCAPE belongs to LIKE or SIMILAR TO"
            raise SqlError(message, node)
        return self.like(node.this, self.compile(node.expression))

    def case(self, node: exp.Expr) -> Expression:
        operand = None if node.args.get("this") is None else self.compile(node.this)
        branches = []
        for branch in node.args["ifs"]:
            if operand is None:
                condition = self.boolean(branch.this, "WHEN")
            else:
                wanted = self.compile(branch.this)
                condition = comparisons.compare("=", operand, wanted, branch.this, self.session)
            branches.append((condition, self.compile(branch.args["true"])))
        default = node.args.get("default")
        otherwise = literals.NULL if default is None else self.compile(default)
        return logic.case(branches, otherwise, node, self.session)

    def cast(self, node: exp.Expr) -> Expression:
        safe = isinstance(node, exp.TryCast)
        target = sql_type(node.args["to"])
        # sqlglot makes a Cast of TIMESTAMP '...' too, without the slots that CAST(...) fills.
        if "format" not in node.args and isinstance(node.this, exp.Literal):
            target = literals.clock_type(target, node.this.name)
        return cast(self.compile(node.this), target, node, safe=safe, session=self.session)

    def concatenation(self, node: exp.Expr) -> Expression:
        return arithmetic.concatenation(*self._operands(node), node)

    def row(self, node: exp.Expr) -> Expression:
        return collections.row(self.all(node.expressions), node)

    def array(self, node: exp.Expr) -> Expression:
        return collections.array(self.all(node.expressions), node, self.session)

    def bracket(self, node: exp.Expr) -> Expression:
        whole = node.this
        if isinstance(whole, exp.Column) and not whole.table and _is_word(whole, "MAP"):
            return collections.map_of(self.all(node.expressions), node, self.session)
        if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
            message = "[...] takes one index or key"
            raise SqlError(message, node)
        index = self.compile(node.expressions[0])
        return collections.element(self.compile(whole), index, node, self.session)

    def dot(self, node: exp.Expr) -> Expression:
        if not isinstance(node.expression, exp.Identifier):
            message = f"expected a field's name after the dot, got {node.expression.sql()}"
            raise SqlError(message, node)
        return collections.field(self.compile(node.this), node.expression.name, node)

    def trim(self, node: exp.Expr) -> Expression:
        position = node.args.get("position")
        nodes = [node.this] + ([node.expression] if node.args.get("expression") else [])
        name = f"TRIM_{str(position).upper()}" if position else "TRIM"
        return self.call(name if len(nodes) > 1 or position else "TRIM", nodes, node)

    def extract(self, node: exp.Expr) -> Expression:
        return self.call(f"EXTRACT_{node.this.name.upper()}", [node.expression], node)

    def json_call(self, node: exp.Expr) -> Expression:
        return self.call(node.name, node.expressions, node)

    def anonymous(self, node: exp.Expr) -> Expression:
        if node.name.upper() == "ROW":
            return self.row(node)
        arguments = node.expressions
        if node.name.upper() in _UNIT_FIRST:
            # Their unit is a bare word, DAY, that the function reads from the node.
            arguments = arguments[1:]
        return self.call(node.name, arguments, node)


_UNIT_FIRST = ("TIMESTAMPADD", "TIMESTAMPDIFF")


def _is_word(column: exp.Column, word: str) -> bool:
    identifier = column.this
    return column.name.upper() == word and not identifier.args.get("quoted")


# Subclasses come before their bases: TryCast is a Cast.
_NODES: dict[type[exp.Expr], Callable[[_Compiler, exp.Expr], Expression]] = {
    exp.Column: _Compiler.column,
    exp.Paren: _Compiler.paren,
    exp.Literal: _Compiler.literal,
    exp.Boolean: _Compiler.truth,
    exp.Null: lambda _, node: literals.NULL,
    exp.HexString: lambda _, node: literals.hex_string(node.name, node),
    exp.Interval: lambda _, node: literals.interval(node),
    exp.Neg: _Compiler.negative,
    exp.And: _Compiler.conjunction,
    exp.Or: _Compiler.disjunction,
    exp.Not: _Compiler.negation,
    exp.Is: _Compiler.is_test,
    exp.NullSafeNEQ: _Compiler.distinct,
    exp.NullSafeEQ: _Compiler.not_distinct,
    exp.In: _Compiler.is_in,
    exp.Between: _Compiler.between,
    exp.Like: _Compiler.like,
    exp.SimilarTo: _Compiler.like,
    exp.Escape: _Compiler.escape,
    exp.Case: _Compiler.case,
    exp.Cast: _Compiler.cast,
    exp.DPipe: _Compiler.concatenation,
    exp.Tuple: _Compiler.row,
    exp.Array: _Compiler.array,
    exp.Bracket: _Compiler.bracket,
    exp.Dot: _Compiler.dot,
    exp.Trim: _Compiler.trim,
    exp.Extract: _Compiler.extract,
    JsonCall: _Compiler.json_call,
    exp.Anonymous: _Compiler.anonymous,
}
