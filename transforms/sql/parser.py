"""sqlglot's parser with the statements of Flink SQL that it lacks."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from transforms.sql.query_parser import QueryParser
from transforms.sql.statements import (
    ComputedColumn,
    CreateTable,
    CreateView,
    InsertInto,
    KeyConstraint,
    MetadataColumn,
    PhysicalColumn,
    SetOption,
    StatementSet,
    TableOption,
    Watermark,
)


class JobParser(QueryParser):
    """Reads statements: our own grammar around the queries."""

    def parse_chunk(self, chunk: list[Token], source: str) -> exp.Expr:
        """The one statement that `chunk`, a part of the tokens of `source`, holds."""
        self._read(chunk, source)
        return self.parse_statement()

    def parse_lone_type(self, chunk: list[Token], source: str) -> exp.DataType:
        """The type that `chunk` holds, and nothing else."""
        self._read(chunk, source)
        kind = self._parse_types(schema=True)
        if not isinstance(kind, exp.DataType) or self._curr:
            self.raise_error("expected a type", self._curr)
        return kind

    def _read(self, chunk: list[Token], source: str) -> None:
        self.reset()
        self.sql = source
        self._chunks = [chunk]
        self._advance_chunk()

    def parse_statement(self) -> exp.Expr:
        """The statement at the cursor, up to and with its semicolon."""
        start = self._curr
        for words, build in self._statements().items():
            if self._match_text_seq(*words):
                statement = build()
                break
        else:
            self.raise_error(
                "expected CREATE TABLE, CREATE [TEMPORARY] VIEW, INSERT INTO, "
                "EXECUTE STATEMENT SET or SET",
                start,
            )
        if self._curr and not self._match(TokenType.SEMICOLON):
            self.raise_error("expected the end of the statement (a semicolon)", self._curr)
        return statement.update_positions(start)

    def _statements(self) -> dict[tuple[str, ...], Callable[[], exp.Expr]]:
        return {
            ("CREATE", "TEMPORARY", "TABLE"): self._parse_create_table,
            ("CREATE", "TABLE"): self._parse_create_table,
            ("CREATE", "TEMPORARY", "VIEW"): self._parse_create_view,
            ("CREATE", "VIEW"): self._parse_create_view,
            ("INSERT", "INTO"): self._parse_insert_into,
            ("EXECUTE", "STATEMENT", "SET"): self._parse_statement_set,
            ("SET",): self._parse_set_option,
        }

    def _parse_string_literal(self, what: str) -> exp.Expr:
        token = self._curr
        literal = self._parse_string()
        if literal is None:
            self.raise_error(f"expected {what} in single quotes", token)
        return literal

    def _parse_exists_clause(self) -> bool:
        return bool(self._match_text_seq("IF", "NOT", "EXISTS"))

    def _expect(self, token_type: TokenType, what: str) -> None:
        if not self._match(token_type):
            self.raise_error(f"expected {what}", self._curr)

    def _parse_list(self, item: Callable[[], exp.Expr]) -> list[exp.Expr]:
        self._expect(TokenType.L_PAREN, "(")
        items = [item()]
        while self._match(TokenType.COMMA):
            items.append(item())
        self._expect(TokenType.R_PAREN, ", or )")
        return items

    def _parse_create_table(self) -> exp.Expr:
        exists = self._parse_exists_clause()
        name = self._parse_name("a table name")
        definitions = self._parse_list(self._parse_definition)
        if self._match_text_seq("COMMENT"):
            self._parse_string_literal("a comment")
        options = []
        if self._match(TokenType.WITH):
            options = self._parse_list(self._parse_table_option)
        return CreateTable(this=name, expressions=definitions, options=options, exists=exists)

    def _parse_definition(self) -> exp.Expr:
        start = self._curr
        if self._match_text_seq("WATERMARK", "FOR"):
            column = self._parse_name("a column")
            self._expect(TokenType.ALIAS, "AS")
            return Watermark(this=column, expression=self._required_expression())
        if self._match_text_seq("CONSTRAINT"):
            self._parse_name("a constraint's name")
        if self._match(TokenType.PRIMARY_KEY) or self._match_text_seq("PRIMARY", "KEY"):
            names = self._parse_list(lambda: self._parse_name("a column"))
            self._require_not_enforced()
            return KeyConstraint(expressions=names).update_positions(start)
        name = self._parse_name("a column's name")
        if self._match(TokenType.ALIAS):
            definition: exp.Expr = ComputedColumn(this=name, expression=self._required_expression())
        else:
            definition = self._parse_typed_column(name)
        if self._match_text_seq("COMMENT"):
            self._parse_string_literal("a comment")
        return definition

    def _parse_typed_column(self, name: exp.Expr) -> exp.Expr:
        token = self._curr
        kind = self._parse_types(schema=True)
        if not isinstance(kind, exp.DataType):
            self.raise_error(f"expected a type for the column {name.name!r}, or AS", token)
        if "start" not in kind.meta:
            kind.update_positions(token)
        if self._match_text_seq("METADATA"):
            key = (
                self._parse_string_literal("a metadata key")
                if self._match_text_seq("FROM")
                else None
            )
            virtual = bool(self._match_text_seq("VIRTUAL"))
            return MetadataColumn(this=name, kind=kind, metadata_key=key, virtual=virtual)
        not_null = primary_key = False
        while True:
            if self._match_text_seq("NOT", "NULL"):
                not_null = True
            elif self._match(TokenType.PRIMARY_KEY) or self._match_text_seq("PRIMARY", "KEY"):
                self._require_not_enforced()
                primary_key = True
            elif not self._match_text_seq("NULL"):
                break
        return PhysicalColumn(this=name, kind=kind, not_null=not_null, primary_key=primary_key)

    def _require_not_enforced(self) -> None:
        if not self._match_text_seq("NOT", "ENFORCED"):
            self.raise_error("expected NOT ENFORCED: a stream cannot enforce a key", self._curr)

    def _parse_table_option(self) -> exp.Expr:
        key = self._parse_string_literal("an option's name")
        self._expect(TokenType.EQ, "=")
        return TableOption(this=key, expression=self._parse_string_literal("the option's value"))

    def _parse_column_names(self) -> list[exp.Expr]:
        # INSERT INTO t (SELECT ...) has a query in brackets, and no names.
        query = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN)
        after = self._next.token_type if self._next else None
        if self._curr and self._curr.token_type == TokenType.L_PAREN and after not in query:
            return self._parse_list(lambda: self._parse_name("a column"))
        return []

    def _parse_query(self) -> exp.Expr:
        token = self._curr
        query = self._parse_select(nested=True)
        query = self._parse_set_operations(query) if query else None
        if not isinstance(query, exp.Query):
            self.raise_error("expected SELECT", token)
        return query

    def _parse_create_view(self) -> exp.Expr:
        self._parse_exists_clause()
        name = self._parse_name("a view's name")
        columns = self._parse_column_names()
        self._expect(TokenType.ALIAS, "AS")
        return CreateView(this=name, expressions=columns, expression=self._parse_query())

    def _parse_insert_into(self) -> exp.Expr:
        name = self._parse_name("a table's name")
        columns = self._parse_column_names()
        return InsertInto(this=name, expressions=columns, expression=self._parse_query())

    def _parse_statement_set(self) -> exp.Expr:
        self._expect(TokenType.BEGIN, "BEGIN")
        inserts = []
        while not self._match(TokenType.END):
            start = self._curr
            if not self._match_text_seq("INSERT", "INTO"):
                self.raise_error("expected INSERT INTO, or END", start)
            inserts.append(self._parse_insert_into().update_positions(start))
            self._expect(TokenType.SEMICOLON, "a semicolon")
        return StatementSet(expressions=inserts)

    def _parse_set_option(self) -> exp.Expr:
        key = self._parse_string_literal("an option's name")
        self._expect(TokenType.EQ, "=")
        return SetOption(this=key, expression=self._parse_string_literal("the option's value"))
