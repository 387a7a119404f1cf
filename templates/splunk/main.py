"""Launches pipelines.splunk on Dataflow: what the Flex Template's launcher runs."""

import sys

from templates.launching import launch_pipeline

if __name__ == "__main__":
    sys.exit(launch_pipeline("splunk", sys.argv[1:]))
