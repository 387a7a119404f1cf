"""What ends a command of kami, by what the caller can do about it: each has its exit code."""

from __future__ import annotations

EXIT_DIFFERENCES = 1
EXIT_CONFIGURATION = 2
EXIT_UNREACHABLE = 3


class KamiError(Exception):
    """Root of the errors that kami tells without a traceback."""

    exit_code = EXIT_CONFIGURATION


class ConfigurationError(KamiError):
    """A configuration, a DDL file or a table's definition that cannot be used as it is."""


class UnknownTableError(ConfigurationError):
    """A table that the configuration does not name."""


class RefusedError(KamiError):
    """A step that would lose data or give wrong rows, and was not taken."""


class UnreachableError(KamiError):
    """A warehouse or a database that does not answer, or is held by another process."""

    exit_code = EXIT_UNREACHABLE


class DifferencesError(KamiError):
    """A check or a comparison that ran well and found something."""

    exit_code = EXIT_DIFFERENCES
