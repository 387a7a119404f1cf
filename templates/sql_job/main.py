"""Launches pipelines.sql_job on Dataflow: what the Flex Template's launcher runs."""

import sys

from templates.launching import launch_pipeline

if __name__ == "__main__":
    sys.exit(launch_pipeline("sql_job", sys.argv[1:]))
