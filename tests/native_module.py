"""What tests of the native module do where it is not built."""

import os

import pytest

try:
    import native.kamiflow_native  # noqa: F401
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True


def skip_without_native() -> None:
    """Skips a test; in CI, which builds the module, fails it."""
    if not AVAILABLE:
        missing = "the native module is not built: run `make native`"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing} (CI tests with it and without)")
        pytest.skip(missing)
