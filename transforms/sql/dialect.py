"""The SQL of a job: Flink SQL's statements, read by sqlglot."""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp, tokens
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.errors import ErrorLevel, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from transforms.sql.errors import Script, Span, SqlError, SqlErrors
from transforms.sql.parser import JobParser, RefusedText


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


def parse_script(script: Script, text: str | None = None) -> list[exp.Expr]:
    """The statements of a script, in order; SqlErrors with every statement that is not SQL.

    Args:
        text: what to parse instead of `script.text`; errors then speak of offsets in `text`.
    """
    source = script.text if text is None else text
    try:
        script_tokens = DIALECT.tokenize(source)
    except TokenError as error:
        start = getattr(error, "start", None) or 0
        end = getattr(error, "end", None) or start + 1
        message = "an unfinished string, name or comment; close it"
        raise SqlErrors([SqlError(message, Span(start, end))]) from error
    statements: list[exp.Expr] = []
    errors: list[SqlError] = []
    for chunk in _statement_chunks(script_tokens):
        try:
            parsed = JobParser(dialect=DIALECT, error_level=ErrorLevel.IMMEDIATE)
            statements.append(parsed.parse_chunk(chunk, source))
        except RefusedText as error:
            errors.append(SqlError(error.message, error.span))
        except RecursionError:
            errors.append(SqlError("nested too deeply; split it by a view", _span_of_tokens(chunk)))
    if errors:
        raise SqlErrors(errors)
    return statements


def parse_type(text: str) -> exp.DataType:
    """The type that `text` spells; SqlError (without a place) where it spells none."""
    try:
        parser = JobParser(dialect=DIALECT, error_level=ErrorLevel.IMMEDIATE)
        return parser.parse_lone_type(DIALECT.tokenize(text), text)
    except (RefusedText, TokenError) as error:
        message = f"{text!r} is no type; expected one such as 'ROW<flag STRING, severity INT>'"
        raise SqlError(message) from error


def _statement_chunks(script_tokens: list[Token]) -> list[list[Token]]:
    chunks: list[list[Token]] = [[]]
    inside_set = False
    for index, token in enumerate(script_tokens):
        chunks[-1].append(token)
        # A statement set holds semicolons of its own between BEGIN and END.
        texts = [part.text.upper() for part in script_tokens[max(0, index - 2) : index + 1]]
        inside_set |= texts == ["STATEMENT", "SET", "BEGIN"]
        inside_set &= token.token_type is not TokenType.END
        if token.token_type is TokenType.SEMICOLON and not inside_set:
            chunks.append([])
    return [
        chunk
        for chunk in chunks
        if any(token.token_type is not TokenType.SEMICOLON for token in chunk)
    ]


def _span_of_tokens(chunk: list[Token]) -> Span:
    return Span(chunk[0].start, chunk[-1].end + 1)
