"""The god view: one generated view of every table of every source database."""
