"""How the engine runs a polars query over a batch."""

from __future__ import annotations

import polars as pl

_AS_WRITTEN = pl.QueryOptFlags.none()


def evaluated(query: pl.LazyFrame) -> pl.DataFrame:
    """The frame of a query, run as it is written.

    polars' optimiser has nothing to gain here, where the planner has chosen columns and order
    already, and it would think anew for each batch: for one of 5,000 rows that costs as much as a
    third of the work itself.
    """
    return query.collect(optimizations=_AS_WRITTEN)
