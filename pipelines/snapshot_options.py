"""Flags of the snapshot pipeline, and their checks."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.encryption_options import add_encryption_flags, fields_of
from pipelines.options import FlagError
from pipelines.warehouse_flags import SOURCE_NAME, add_once
from transforms.encryption_rules import FieldRules

RANGE_ROWS = 200_000
"""Rows of a range: enough that opening the warehouse's file for each costs nothing, few enough that
a range of wide rows is written in pieces of memory's size."""
WAIT_SECONDS = 600
TYPES = ("mysql", "mariadb", "postgresql")


class SnapshotOptions(PipelineOptions):
    """Flags of this pipeline; those that other pipelines of a warehouse have too are added once."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for flag, text in _TEXTS.items():
            add_once(parser, flag, help=text)
        add_once(
            parser,
            "--readers",
            type=int,
            default=2,
            help="Connections that read at a time, within one consistent read. Default: 2.",
        )
        add_once(
            parser,
            "--range_rows",
            type=int,
            default=RANGE_ROWS,
            help=f"Rows of a key range that is read at a time. Default: {RANGE_ROWS}.",
        )
        add_once(
            parser,
            "--transaction_wait_seconds",
            type=float,
            default=WAIT_SECONDS,
            help="PostgreSQL: how long to wait for transactions that are open at the anchor. "
            f"Default: {WAIT_SECONDS}.",
        )
        add_once(
            parser,
            "--resume",
            action="store_true",
            help="Go on with the run that broke off: its finished tables are not read again.",
        )
        add_encryption_flags(parser)


_TEXTS = {
    "--source": "Address of the database, postgresql+psycopg://... or mysql+pymysql://..., or "
    "json:FILE for a snapshot that was made elsewhere. Default: the url in --config.",
    "--source_name": "The source's name, which its dataset in the warehouse has. "
    "Default: the only one in the warehouse file.",
    "--warehouse": "Where to write: duckdb:FILE or bigquery:PROJECT. Default: the warehouse in "
    "--config.",
    "--config": "kami's YAML file, for the source's url, tables and types.",
    "--tables": "Tables to read, as names or patterns with commas between. Default: all.",
    "--anchor": "json: the file with the anchor, the place in the log where the rows were read.",
    "--ddl": "json: a file of CREATE TABLE statements, for the types of the columns.",
    "--type": f"json with --ddl: whose statements they are, {', '.join(TYPES)}.",
}


@dataclasses.dataclass(frozen=True)
class SnapshotConfig:
    """The flags of SnapshotOptions, checked. Raises FlagError."""

    source_name: str
    source: str | None = None
    warehouse: str | None = None
    config: str | None = None
    tables: tuple[str, ...] = ()
    anchor: str | None = None
    ddl: str | None = None
    type: str | None = None
    readers: int = 2
    range_rows: int = RANGE_ROWS
    transaction_wait_seconds: float = WAIT_SECONDS
    resume: bool = False
    fields: FieldRules | None = None

    def __post_init__(self) -> None:
        if not SOURCE_NAME.fullmatch(self.source_name):
            message = (
                f"--source_name={self.source_name}: expected letters, digits and _, since it names "
                "the dataset, such as --source_name=shop"
            )
            raise FlagError(message)
        if self.source is None and self.config is None:
            message = "--source is missing: the database's address, json:FILE, or give --config"
            raise FlagError(message)
        if self.warehouse is None and self.config is None:
            message = "--warehouse is missing: where to write, such as --warehouse=duckdb:FILE"
            raise FlagError(message)
        self._check_json()
        for name, value in (("readers", self.readers), ("range_rows", self.range_rows)):
            if value < 1:
                message = f"--{name}={value}: expected 1 or more"
                raise FlagError(message)
        if self.transaction_wait_seconds < 0:
            message = (
                f"--transaction_wait_seconds={self.transaction_wait_seconds:g}: expected seconds"
            )
            raise FlagError(message)

    def _check_json(self) -> None:
        if self.json_file is not None and self.anchor is None:
            message = (
                f"--source={self.source} needs --anchor=FILE: where in its log the database was "
                "when the rows were read; without it newer changes cannot be told from older ones"
            )
            raise FlagError(message)
        if self.fields is not None and self.json_file is not None:
            message = (
                f"--source={self.source} is written as it is; --decrypt and --encrypt are of "
                "snapshots of a live database"
            )
            raise FlagError(message)
        for name in ("anchor", "ddl", "type"):
            if getattr(self, name) is not None and self.json_file is None:
                message = f"--{name} belongs to --source=json:FILE; a live database tells it itself"
                raise FlagError(message)
        if (self.ddl is None) != (self.type is None):
            given, missing = ("ddl", "type") if self.type is None else ("type", "ddl")
            message = f"--{given} needs --{missing}: --ddl=FILE --type={'|'.join(TYPES)}"
            raise FlagError(message)
        if self.type is not None and self.type not in TYPES:
            message = f"--type={self.type}: expected one of {', '.join(TYPES)}"
            raise FlagError(message)

    @property
    def json_file(self) -> str | None:
        """The path behind json:, None for a live database."""
        kind, colon, path = (self.source or "").partition(":")
        return path if kind == "json" and colon else None

    @classmethod
    def from_options(cls, options: PipelineOptions) -> SnapshotConfig:
        flags = options.view_as(SnapshotOptions)
        return cls(
            source_name=flags.source_name or _only_source(flags.warehouse),
            source=flags.source,
            warehouse=flags.warehouse,
            config=flags.config,
            tables=tuple(one.strip() for one in (flags.tables or "").split(",") if one.strip()),
            anchor=flags.anchor,
            ddl=flags.ddl,
            type=flags.type,
            readers=flags.readers,
            range_rows=flags.range_rows,
            transaction_wait_seconds=flags.transaction_wait_seconds,
            resume=flags.resume,
            fields=fields_of(flags),
        )


def _only_source(warehouse: str | None) -> str:
    """The source whose change log is in a warehouse file, where there is just one. FlagError."""
    kind, _, path = (warehouse or "").partition(":")
    found: list[str] = []
    if kind == "duckdb" and Path(path).is_file():
        # Only who leaves the flag out waits for DuckDB here.
        from pipeline_io.warehouse_file import WarehouseFile

        file = WarehouseFile(path)
        found = file.datasets_with("_incarnations")
        file.close()
    if len(found) == 1:
        return found[0]
    there = f"; {warehouse} has {', '.join(found)}" if found else ""
    message = f"--source_name is missing: the source's name, such as --source_name=shop{there}"
    raise FlagError(message)
