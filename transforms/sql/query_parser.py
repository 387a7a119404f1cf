"""sqlglot's parser for queries, with what Flink SQL's have and others lack."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from sqlglot import exp, parser
from sqlglot.errors import ParseError
from sqlglot.parser import SENTINEL_NONE
from sqlglot.tokenizer_core import Token, TokenType

from transforms.sql.errors import Span
from transforms.sql.statements import JsonCall


class RefusedText(ParseError):
    """sqlglot's error with the place that it is about; a ParseError, since sqlglot catches those
    where it tries one reading after another."""

    def __init__(self, message: str, span: Span) -> None:
        # sqlglot looks into `errors` where it tries another reading.
        super().__init__(message, [{"description": message}])
        self.message = message
        self.span = span


class QueryParser(parser.Parser):
    """sqlglot's parser for queries and expressions, with errors of ours."""

    # Every function keeps the name that the script gave it: sqlglot's own function nodes carry
    # other dialects' argument orders and meanings, and our functions are looked up by name.
    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {
        name: parser.Parser.FUNCTION_PARSERS[name]
        for name in ("CAST", "TRY_CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM")
    }
    FUNCTION_PARSERS.update(
        {
            name: lambda self, name=name: self.parse_json_call(name)
            for name in ("JSON_VALUE", "JSON_QUERY", "JSON_EXISTS")
        }
    )
    FUNCTION_PARSERS.update(
        {
            name: lambda self, name=name: self.parse_window_call(name)
            for name in ("TUMBLE", "HOP", "SESSION", "CUMULATE")
        }
    )
    # A keyword of sqlglot's, and here a function's name like its siblings.
    FUNC_TOKENS: ClassVar = {*parser.Parser.FUNC_TOKENS, TokenType.SESSION}
    NO_PAREN_FUNCTIONS: ClassVar = {
        **parser.Parser.NO_PAREN_FUNCTIONS,
        TokenType.LOCALTIME: exp.Localtime,
        TokenType.LOCALTIMESTAMP: exp.Localtimestamp,
    }
    STRICT_CAST = True

    def raise_error(self, message: str, token: Token = SENTINEL_NONE) -> NoReturn:
        place = token or self._curr or self._prev
        if place is not None and place.text == '"':
            message = "a name is quoted by backticks, as in `order`, and a string by single quotes"
        raise RefusedText(_told(message, place), Span(place.start, place.end + 1))

    def _parse_types(self, *arguments: Any, **options: Any) -> exp.Expr | None:
        token = self._curr
        kind = super()._parse_types(*arguments, **options)
        if isinstance(kind, exp.DataType) and "start" not in kind.meta:
            kind.update_positions(token)
        return kind

    def _parse_disjunction(self) -> exp.Expr | None:
        return self._with_extent(super()._parse_disjunction)

    def _parse_equality(self, parse_is: bool = True) -> exp.Expr | None:
        return self._with_extent(functools.partial(super()._parse_equality, parse_is))

    def _with_extent(self, parse: Callable[[], exp.Expr | None]) -> exp.Expr | None:
        # sqlglot notes the places of names alone; explain and errors show whole expressions.
        token = self._curr
        node = parse()
        if node is not None and token is not None and self._prev is not None:
            node.meta["start"], node.meta["end"] = token.start, self._prev.end
        return node

    def parse_json_call(self, name: str) -> exp.Expr:
        """The arguments of a JSON function with its RETURNING, ON EMPTY and ON ERROR clauses."""
        start = self._prev
        call = JsonCall(this=name, expressions=self._parse_csv(self._parse_disjunction))
        if self._match_text_seq("RETURNING"):
            call.set("returning", self._parse_types())
        for _ in range(2):
            if self._match_text_seq("DEFAULT"):
                behaviour = self._required_expression()
            elif self._match_texts(("NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN")):
                behaviour = exp.var(self._prev.text.upper())
            else:
                break
            self._match_text_seq("ON")
            if not self._match_texts(("EMPTY", "ERROR")):
                self.raise_error("expected ON EMPTY or ON ERROR", self._curr)
            call.set(f"on_{self._prev.text.lower()}", behaviour)
        return call.update_positions(start)

    def parse_window_call(self, name: str) -> exp.Expr:
        """The arguments of a window function: `TABLE t, DESCRIPTOR(column), intervals`."""
        start = self._prev
        arguments: list[exp.Expr] = []
        if self._match(TokenType.TABLE):
            arguments.append(self._parse_name("a table"))
            self._match(TokenType.COMMA)
        arguments += self._parse_csv(self._parse_disjunction)
        return exp.Anonymous(this=name, expressions=arguments).update_positions(start)

    def _required_expression(self) -> exp.Expr:
        token = self._curr
        expression = self._parse_disjunction()
        if expression is None:
            self.raise_error("expected an expression", token)
        return expression

    def _parse_name(self, what: str) -> exp.Expr:
        token = self._curr
        name = self._parse_id_var()
        if name is None:
            self.raise_error(f"expected {what}", token)
        return name.update_positions(token) if "start" not in name.meta else name


_MISSING = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]*?(\w+)'>")
_EXPECTING = re.compile(r"Expect(?:ed|ing)\b")


def _told(message: str, place: Token) -> str:
    """sqlglot's message in the words of ours."""
    if missing := _MISSING.search(message):
        return f"{missing[1].upper()} is not complete here"
    if message.startswith("Invalid expression"):
        return f"{place.text!r} is not expected here"
    return _EXPECTING.sub("expected", message)
