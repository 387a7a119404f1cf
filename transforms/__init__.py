"""PCollection to PCollection, and the plain functions under them: no connections, no flags."""

import os

# Beam runs a batch on each of its threads. polars' own pool beside them costs a quarter more CPU
# for batches of some thousand rows and gains nothing; it reads this when it is first imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from transforms.memory import keep_memory  # After what is set above: polars may come with it.

keep_memory()
