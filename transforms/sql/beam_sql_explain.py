"""The part of a plan that Beam SQL does as text, for `--explain`."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.sql.beam_sql_plan import BeamSqlBranch
from transforms.sql.beam_sql_row_wise import REASON


def beam_sql_lines(branch: BeamSqlBranch) -> Iterator[str]:
    """What `--explain` says of a statement between its in-process steps."""
    if branch.reason == REASON:
        yield f"  engine: beam sql, because of {REASON}; source and sink stay in-process"
    else:
        yield f"  engine: beam sql, because it has {branch.reason}; the row-wise runs in-process"
    for one in branch.inputs:
        columns = ", ".join(f"{name} {sql_type}" for name, sql_type in one.columns())
        sources = ", ".join(dict.fromkeys(inner.source.name for inner in one.branches))
        yield f"    input {one.name} from {sources}: {columns}"
    if branch.window is not None:
        yield f"    window: {branch.window}; rows may be {branch.delay() / 1_000_000:g} s late"
    yield f"    query: {branch.query}"
    if branch.bounded_only is not None:
        yield f"    on a stream without an end it is refused: {branch.bounded_only}"
