"""Settings of all tests."""

from __future__ import annotations

import hypothesis

pytest_plugins = ["tests.stack.fixtures"]

# A machine that is busy with something else is no failure of a property.
hypothesis.settings.register_profile("kamiflow", deadline=None)
hypothesis.settings.load_profile("kamiflow")
