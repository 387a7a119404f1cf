"""Settings of all tests."""

from __future__ import annotations

import atexit
import os
from typing import Any

import hypothesis
import pytest
from apache_beam.options.pipeline_options import StandardOptions

from pipelines.options import LOCAL_RUNNER
from tests.scheduling import ByCluster

pytest_plugins = ["tests.stack.fixtures", "tests.pipelines.live.bank_fixture"]

# Beam's own default looks for a Prism binary to download, for every pipeline that names no runner,
# and keeps the server that it could not start for those that name one.
StandardOptions.DEFAULT_RUNNER = LOCAL_RUNNER

# A machine that is busy with something else is no failure of a property.
hypothesis.settings.register_profile("kamiflow", deadline=None)
hypothesis.settings.load_profile("kamiflow")


# Faults, restarts and runners that start anew for each test: minutes on two cores, much longer on a
# machine that is busy with something else.
SLOW_FILES = {
    "test_aml_velocity_late.py",
    "test_audit_follow.py",
    "test_kafka_follow_live.py",
    "test_kafka_java_streaming.py",
    "test_kafka_live_outage.py",
    "test_kafka_relogin_live.py",
    "test_kafka_writer.py",
    "test_pubsub_puller_outage.py",
    "test_subscription_killed.py",
    "test_killed_jobs.py",
    "test_flink_changes.py",
    "test_outages.py",
    "test_servers.py",
    "test_servers_away.py",
    "test_two_engines_windows.py",
}
# The emulator of BigQuery takes seconds for a statement.
SLOW_SERVERS = {"bigquery", "flink", "prism"}


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """What is printed after pytest's closing line is DuckDB's alone: its binding counts objects
    that modules still hold when the interpreter ends, a screen of them."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCluster:
    return ByCluster(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is slow, unless the command says which marks it wants: -m slow."""
    skip = pytest.mark.skip(reason="slow; runs with -m slow")
    for item in items:
        servers = SLOW_SERVERS & set(getattr(item, "fixturenames", ()))
        if (
            item.path.name in SLOW_FILES
            or servers
            or "-prism" in item.name
            or "[prism" in item.name
        ):
            item.add_marker(pytest.mark.slow)
        if "slow" in item.keywords and not config.getoption("-m"):
            item.add_marker(skip)
