"""Flags of the pipeline that polls tables by their update time, and their checks."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import TableRequest
from pipeline_io.database import masked
from pipeline_io.secrets import SCHEMES, is_reference
from pipelines.audit_tables_config import TableSettings, settings_of
from pipelines.change_outputs import KINDS, OutputConfig
from pipelines.options import FlagError, JobConfig
from pipelines.source_flags import (
    add_kafka_property,
    check_foreign,
    kafka_property,
    required,
    required_source_name,
)
from pipelines.warehouse_flags import add_once

INTERVAL_SECONDS = 30.0
SWEEP_SECONDS = 3600.0
OVERLAP_SECONDS = 120.0
"""How far each poll goes back: clocks of servers differ by seconds, and step by no more."""
UPDATED_COLUMN = "updated_at"
READERS = 2

_FOREIGN = (
    "variable",
    "explain",
    "recording",
    "sql_engine",
    "schema_evolution",
    "decoder",
    "kafka_group",
    "kafka_start",
    "lag_group",
    "pubsub_project",
    "pubsub_topic",
)
"""Flags of other jobs, which mean nothing here."""

_TEXTS = {
    "--database": "Address of the database: postgresql+psycopg://USER@HOST/DATABASE, "
    "mysql+pymysql://..., sqlite:///FILE or spanner:PROJECT/INSTANCE/DATABASE.",
    "--database_password": f"Reference to the database's password: {', '.join(SCHEMES)}.",
    "--tables": "Tables to poll, as TABLE or SCHEMA.TABLE with commas between. Default: those of "
    "--config.",
    "--config": "YAML file with the settings of single tables.",
    "--source_name": "The source's name: of its dataset in a warehouse, and the prefix of its "
    "topics.",
    "--output": f"Where changes go: {KINDS}.",
    "--state": "Address of the database that keeps what was polled, such as sqlite:///state.db.",
    "--state_password": "Reference to the password of --state.",
    "--updated_column": f"The column that each insert and update moves. Default: {UPDATED_COLUMN}.",
    "--time_zone": "Whose clocks columns without a time zone show, such as Europe/Berlin. Default: "
    "UTC.",
    "--read_only_users": "Users of the database that only read, with commas between: their "
    "transactions hold no poll back.",
    "--key": "Columns that identify a row, with commas between. Default: the primary key.",
}


class AuditOptions(PipelineOptions):
    """Flags of this pipeline; those that others have too are added once."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for flag, text in _TEXTS.items():
            add_once(parser, flag, help=text)
        numbers = (
            ("--interval", INTERVAL_SECONDS, "Seconds between two polls with --follow."),
            (
                "--sweep_every",
                SWEEP_SECONDS,
                "Seconds between two sweeps, which read all keys and so find deleted rows; 0: no "
                "sweeps, and no deletes.",
            ),
        )
        for flag, default, text in numbers:
            add_once(
                parser, flag, type=float, default=default, help=f"{text} Default: {default:g}."
            )
        add_once(
            parser,
            "--overlap",
            type=float,
            help="Seconds that each poll goes back behind the last one. Default: "
            f"{OVERLAP_SECONDS:g}, or twice --interval if that is more.",
        )
        add_once(
            parser,
            "--ignore_transactions",
            action="store_true",
            help="PostgreSQL, MySQL: read up to --overlap behind the clock, and not below the "
            "oldest open transaction. Rows of longer ones are lost until a sweep.",
        )
        add_once(
            parser,
            "--readers",
            type=int,
            default=READERS,
            help=f"Connections that read at a time. Default: {READERS}.",
        )
        add_kafka_property(parser)


@dataclasses.dataclass(frozen=True)
class AuditConfig:
    """The flags, checked. Raises FlagError, and kami's ConfigurationError for --config.

    overlap_seconds: of tables that have none of their own. sweep_seconds: 0 for no sweeps.
    time_zone: of columns without one. read_only_users: whose transactions hold nothing back.
    """

    job: JobConfig
    database: str = dataclasses.field(repr=False)
    requests: tuple[TableRequest, ...]
    source_name: str
    output: OutputConfig
    state: str = dataclasses.field(repr=False)
    database_password: str | None = None
    state_password: str | None = None
    interval_seconds: float = INTERVAL_SECONDS
    sweep_seconds: float = SWEEP_SECONDS
    readers: int = READERS
    overlap_seconds: float = OVERLAP_SECONDS
    time_zone: str = "UTC"
    read_only_users: tuple[str, ...] = ()
    ignores_transactions: bool = False

    @property
    def follow(self) -> bool:
        return self.job.follow

    @property
    def is_spanner(self) -> bool:
        return self.database.startswith("spanner:")

    def __post_init__(self) -> None:
        for name in ("database_password", "state_password"):
            reference = getattr(self, name)
            if reference is not None and not is_reference(reference):
                # Never the value: it may be the password itself.
                message = f"--{name} is no reference; expected {', '.join(SCHEMES)}"
                raise FlagError(message)
        if self.interval_seconds <= 0:
            message = f"--interval={self.interval_seconds:g}: expected seconds above 0"
            raise FlagError(message)
        if self.sweep_seconds < 0:
            message = f"--sweep_every={self.sweep_seconds:g}: expected seconds, or 0 for no sweeps"
            raise FlagError(message)
        if self.readers < 1:
            message = f"--readers={self.readers}: expected 1 or more"
            raise FlagError(message)

    @classmethod
    def from_options(cls, options: PipelineOptions) -> AuditConfig:
        check_foreign(options, _FOREIGN, "polls tables")
        flags = options.view_as(AuditOptions)
        job = JobConfig.from_options(options, "audit_columns")
        source_name = required_source_name(flags.source_name)
        output = OutputConfig(
            required(flags.output, "output", f"where changes go: {KINDS}"),
            source_name,
            job.live.get("kafka_brokers"),
            dict(kafka_property(text) for text in flags.kafka_property or ()),
            job.live.get("schema_registry"),
        )
        overlap = flags.overlap
        if overlap is None:
            overlap = max(OVERLAP_SECONDS, 2 * flags.interval)
        requests = _requests(flags, float(overlap))
        return cls(
            job=job,
            database=required(
                flags.database, "database", "its address, such as postgresql+psycopg://HOST/shop"
            ),
            requests=requests,
            source_name=source_name,
            output=output,
            state=required(
                flags.state,
                "state",
                "the address of the database that keeps what was polled, such as "
                "sqlite:///state.db",
            ),
            database_password=flags.database_password,
            state_password=flags.state_password,
            interval_seconds=flags.interval,
            sweep_seconds=flags.sweep_every,
            readers=flags.readers,
            overlap_seconds=float(overlap),
            time_zone=flags.time_zone or "UTC",
            read_only_users=_listed(flags.read_only_users),
            ignores_transactions=flags.ignore_transactions,
        )

    def __str__(self) -> str:
        return f"{len(self.requests)} tables of {masked(self.database)}"


def _requests(flags: AuditOptions, overlap: float) -> tuple[TableRequest, ...]:
    settings: Mapping[str, TableSettings] = {}
    if flags.config is not None:
        settings = settings_of(Path(flags.config))
    names = _listed(flags.tables)
    for name in names:
        if names.count(name) > 1:
            message = f"--tables: {name!r} is there twice; keep one"
            raise FlagError(message)
    if not names and not settings:
        message = "--tables is missing: which tables to poll, such as --tables=shop.orders"
        raise FlagError(message)
    unknown = [name for name in settings if names and name not in names]
    if unknown:
        message = (
            f"--config={flags.config} has settings of {unknown[0]!r}, which --tables does not "
            f"name: {', '.join(names)}; name it there, or leave out --tables"
        )
        raise FlagError(message)
    return tuple(
        _request(
            name,
            settings.get(name, TableSettings()),
            flags.updated_column or UPDATED_COLUMN,
            _listed(flags.key),
            overlap,
        )
        for name in names or settings
    )


def _request(
    name: str, settings: TableSettings, updated: str, key: tuple[str, ...], overlap: float
) -> TableRequest:
    try:
        return TableRequest(
            name,
            settings.updated or updated,
            key=settings.key or key,
            query=settings.query,
            index=settings.index,
            shard_column=settings.shard_column,
            shards=settings.shards,
            overlap_seconds=overlap if settings.overlap is None else settings.overlap,
            updated_unit=settings.updated_unit,
        )
    except AuditError as error:
        message = f"--tables, --config, --overlap: {error}"
        raise FlagError(message) from error


def _listed(given: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (given or "").split(",") if one.strip())
