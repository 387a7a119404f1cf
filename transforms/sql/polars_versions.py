"""What the engine has to do without on polars 2.0, the newest for Python 3.10."""

from __future__ import annotations

import polars as pl

SINCE_2_1 = tuple(int(part) for part in pl.__version__.split(".")[:2]) >= (2, 1)
"""Whether polars divides towards zero, makes decimals of integers and writes sliced lists of
structs as JSON without losing their values."""
