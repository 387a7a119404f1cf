"""Settings of all tests."""

from __future__ import annotations

import os

import hypothesis
import pytest

pytest_plugins = ["tests.stack.fixtures"]

# A machine that is busy with something else is no failure of a property.
hypothesis.settings.register_profile("kamiflow", deadline=None)
hypothesis.settings.load_profile("kamiflow")


# Before pytest-xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the tests that need servers together, and leaves out what is slow, but in CI or where
    the command says which marks it wants."""
    with_slow = os.environ.get("CI") == "true" or bool(config.getoption("-m"))
    slow = pytest.mark.skip(reason="slow: runs where CI=true, or with -m slow")
    for item in items:
        if "stack_session" in getattr(item, "fixturenames", ()):
            # One process of pytest-xdist has the servers; the others run the rest meanwhile.
            item.add_marker(pytest.mark.xdist_group("stack"))
        if "slow" in item.keywords and not with_slow:
            item.add_marker(slow)
