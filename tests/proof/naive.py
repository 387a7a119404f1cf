"""The naive view's SQL, as a change of the generated view's: a stand-in for it in a trial."""

from __future__ import annotations

from pathlib import Path

from kami import tables
from kami.warehouse import table_sql
from tests.proof.source_log import Flavour
from tests.proof.trial import DATASET, TABLE

_TEXT = (Path(__file__).parent / "naive_view.sql").read_text()


def naive_view_sql(flavour: Flavour) -> str:
    """BigQuery SQL of the baseline; PostgreSQL has its lsn for a position, and no row."""
    is_postgresql = flavour == "postgresql"
    return _TEXT.format(
        log=table_sql(DATASET, tables.change_log_of(TABLE)),
        snapshot=table_sql(DATASET, tables.snapshot_of(TABLE)),
        position="source.lsn" if is_postgresql else "source.pos",
        row="_offset" if is_postgresql else "source.row",
    )
