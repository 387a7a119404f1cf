"""Settings of all tests."""

from __future__ import annotations

import os

import hypothesis
import pytest

pytest_plugins = ["tests.stack.fixtures"]

# A machine that is busy with something else is no failure of a property.
hypothesis.settings.register_profile("kamiflow", deadline=None)
hypothesis.settings.load_profile("kamiflow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is slow, but in CI or where the command says which marks it wants."""
    if os.environ.get("CI") == "true" or config.getoption("-m"):
        return
    slow = pytest.mark.skip(reason="slow: runs where CI=true, or with -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(slow)
