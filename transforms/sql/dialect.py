"""The SQL of a job: Flink SQL's statements, read by sqlglot."""

from __future__ import annotations

import dataclasses
import re
from typing import ClassVar

from sqlglot import exp, tokens
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.errors import ErrorLevel, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from transforms.sql.errors import Script, Span, SqlError, SqlErrors
from transforms.sql.parser import JobParser
from transforms.sql.query_parser import RefusedText


class JobSql(Dialect):
    """sqlglot's dialect of an SQL job."""

    NORMALIZATION_STRATEGY = NormalizationStrategy.CASE_SENSITIVE

    class Tokenizer(tokens.Tokenizer):
        QUOTES: ClassVar = ["'"]
        IDENTIFIERS: ClassVar = ["`"]
        # SQL's own escape alone: a backslash is a character, as in Flink SQL.
        STRING_ESCAPES: ClassVar = ["'"]
        # As commands sqlglot would swallow the rest of the text unparsed.
        COMMANDS: ClassVar = set()
        HEX_STRINGS: ClassVar = [("x'", "'"), ("X'", "'")]
        NESTED_COMMENTS = False
        KEYWORDS: ClassVar = {
            **tokens.Tokenizer.KEYWORDS,
            "ROW": TokenType.STRUCT,
            "BYTES": TokenType.VARBINARY,
        }

    Parser = JobParser


DIALECT = JobSql()


@dataclasses.dataclass(frozen=True)
class Parsed:
    """The statements of a script that are SQL, and the mistakes of the others.

    broken: the names that statements with a mistake would have declared.
    """

    statements: list[exp.Expr]
    errors: list[SqlError]
    broken: frozenset[str] = frozenset()


def parse_script(script: Script) -> list[exp.Expr]:
    """The statements of a script, in order; SqlErrors with every statement that is not SQL."""
    parsed = parse_statements(script.text)
    if parsed.errors:
        raise SqlErrors(parsed.errors)
    return parsed.statements


def parse_statements(text: str) -> Parsed:
    """The statements of a text, in order, as far as they are SQL."""
    try:
        tokens_of_text = DIALECT.tokenize(text)
    except TokenError:
        return Parsed([], [_unfinished(text)])
    statements: list[exp.Expr] = []
    errors: list[SqlError] = []
    broken: set[str] = set()
    for chunk in _statement_chunks(tokens_of_text):
        try:
            parsed = JobParser(dialect=DIALECT, error_level=ErrorLevel.IMMEDIATE)
            statements.append(parsed.parse_chunk(chunk, text))
            continue
        except RefusedText as error:
            errors.append(SqlError(error.message, error.span))
        except RecursionError:
            errors.append(SqlError("nested too deeply; split it by a view", _span_of_tokens(chunk)))
        broken |= _declared_names(chunk)
    return Parsed(statements, errors, frozenset(broken))


def parse_type(text: str) -> exp.DataType:
    """The type that `text` spells; SqlError (without a place) where it spells none."""
    try:
        parser = JobParser(dialect=DIALECT, error_level=ErrorLevel.IMMEDIATE)
        return parser.parse_lone_type(DIALECT.tokenize(text), text)
    except (RefusedText, TokenError) as error:
        message = f"{text!r} is no type; expected one such as 'ROW<flag STRING, severity INT>'"
        raise SqlError(message) from error


_OPENED = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|`(?:[^`]|``)*`|(?P<opened>'|`|/\*)", re.DOTALL
)


_HEX_STRING = re.compile(r"\b[xX]'([^'\n]*)'")


def _unfinished(text: str) -> SqlError:
    """The error of a text whose last string, name or comment has no end."""
    for match in _OPENED.finditer(text):
        if match["opened"]:
            what = {"'": "string", "`": "name", "/*": "comment"}[match["opened"]]
            close = {"'": "'", "`": "`", "/*": "*/"}[match["opened"]]
            message = f"the {what} that begins here has no end; close it by {close}"
            return SqlError(message, Span(*match.span()))
    for match in _HEX_STRING.finditer(text):
        if not re.fullmatch("([0-9a-fA-F]{2})*", match[1]):
            message = f"{match[0]} is no hex string: expected an even number of 0-9 and A-F"
            return SqlError(message, Span(*match.span()))
    return SqlError("it holds characters that are no SQL")


def _declared_names(chunk: list[Token]) -> set[str]:
    """The name that CREATE TABLE or VIEW would declare, had it no mistake."""
    words = [token.text for token in chunk[:8]]
    for kind in ("TABLE", "VIEW"):
        upper = [word.upper() for word in words]
        if upper[0] == "CREATE" and kind in upper[:-1]:
            skipped = 3 if upper[upper.index(kind) + 1] == "IF" else 0
            return set(words[upper.index(kind) + 1 + skipped :][:1])
    return set()


def _statement_chunks(script_tokens: list[Token]) -> list[list[Token]]:
    chunks: list[list[Token]] = [[]]
    inside_set = False
    open_cases = 0
    last_words = ["", "", ""]
    for token in script_tokens:
        chunks[-1].append(token)
        # A statement set holds semicolons of its own between BEGIN and END.
        last_words = [*last_words[1:], token.text.upper()]
        if last_words == ["STATEMENT", "SET", "BEGIN"]:
            inside_set, open_cases = True, 0
        elif token.token_type is TokenType.CASE:
            open_cases += 1
        elif token.token_type is TokenType.END:
            inside_set = inside_set and open_cases > 0
            open_cases = max(0, open_cases - 1)
        elif token.token_type is TokenType.SEMICOLON and not inside_set:
            chunks.append([])
    return [
        chunk
        for chunk in chunks
        if any(token.token_type is not TokenType.SEMICOLON for token in chunk)
    ]


def _span_of_tokens(chunk: list[Token]) -> Span:
    return Span(chunk[0].start, chunk[-1].end + 1)
