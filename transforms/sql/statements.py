"""The statements of an SQL job, as nodes of sqlglot's tree."""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp


class CreateTable(exp.Expression):
    """`CREATE TABLE name (definitions) WITH (options)`."""

    arg_types: ClassVar = {"this": True, "expressions": True, "options": False, "exists": False}


class PhysicalColumn(exp.Expression):
    """`name TYPE [NOT NULL]`; `kind` is an exp.DataType."""

    arg_types: ClassVar = {"this": True, "kind": True, "not_null": False, "primary_key": False}


class MetadataColumn(exp.Expression):
    """`name TYPE METADATA [FROM 'key'] [VIRTUAL]`; `key` is None where the name is the key."""

    arg_types: ClassVar = {"this": True, "kind": True, "metadata_key": False, "virtual": False}


class ComputedColumn(exp.Expression):
    """`name AS expression`."""

    arg_types: ClassVar = {"this": True, "expression": True}


class Watermark(exp.Expression):
    """`WATERMARK FOR column AS expression`."""

    arg_types: ClassVar = {"this": True, "expression": True}


class KeyConstraint(exp.Expression):
    """`PRIMARY KEY (columns) NOT ENFORCED`."""

    arg_types: ClassVar = {"expressions": True}


class TableOption(exp.Expression):
    """`'key' = 'value'` of a WITH clause; both are string literals."""

    arg_types: ClassVar = {"this": True, "expression": True}


class CreateView(exp.Expression):
    """`CREATE [TEMPORARY] VIEW name [(columns)] AS query`."""

    arg_types: ClassVar = {"this": True, "expression": True, "expressions": False}


class InsertInto(exp.Expression):
    """`INSERT INTO name [(columns)] query`."""

    arg_types: ClassVar = {"this": True, "expression": True, "expressions": False}


class SetOption(exp.Expression):
    """`SET 'key' = 'value'`."""

    arg_types: ClassVar = {"this": True, "expression": True}


class StatementSet(exp.Expression):
    """`EXECUTE STATEMENT SET BEGIN inserts END`."""

    arg_types: ClassVar = {"expressions": True}


class JsonCall(exp.Expression):
    """`JSON_VALUE(json, path [RETURNING TYPE] [... ON EMPTY] [... ON ERROR])` and its siblings.

    `this` is the function's name; `on_empty` and `on_error` are None, a Var (NULL, ERROR, TRUE,
    FALSE, UNKNOWN) or the expression after DEFAULT.
    """

    arg_types: ClassVar = {
        "this": True,
        "expressions": True,
        "returning": False,
        "on_empty": False,
        "on_error": False,
    }
