"""The rows that a compaction moves, each once."""

from __future__ import annotations

from kami.compaction_sql import Relations, render
from kami.warehouse import Warehouse


def stage_once(warehouse: Warehouse, relations: Relations, cut: str) -> None:
    """Copies the log's rows up to the cut that are neither held back nor quarantined.

    Of what the sinks have written twice one is kept. Whole rows are sorted for that, which takes as
    long as the copy and far more memory: only where two rows are of one record.
    """
    warehouse.run(render("compact_stage.sql.jinja", relations, cut=cut))
    (found,) = warehouse.query(render("compact_repeated.sql.jinja", relations)).to_pylist()
    if found["places"]:
        warehouse.run(render("compact_once.sql.jinja", relations))
