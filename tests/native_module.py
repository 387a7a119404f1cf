"""What tests of the native module do where it is not built."""

import os

import pytest

from transforms.avro_native import AVAILABLE


def skip_without_native() -> None:
    """Skips a test; in CI, which builds the module, fails it."""
    if not AVAILABLE:
        missing = "the native module is not built: run `make native`"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing} (CI tests with it and without)")
        pytest.skip(missing)
