"""Passwords that a job's jar would hold: whoever gets the file could read them."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.options import FlagError
from pipelines.runner_flags import RunnerOptions

_IN_QUERY = re.compile(r"[?&;]password=[^&;]", re.IGNORECASE)


def check_jar_secrets(values: Mapping[str, str], options: PipelineOptions) -> None:
    """Raises FlagError where an address among a script's values has a password in it.

    The message names the variable and never shows the address.
    """
    if options.view_as(RunnerOptions).job_holds_secrets:
        return
    held = [name for name, value in values.items() if _has_password(value)]
    if held:
        message = (
            f"the jar would hold the password in ${{{held[0]}}}, in clear, for everybody who may "
            "read the file; give the address without it and the password as a reference "
            "(--lookup_user and --lookup_password=env://NAME, or the table's option 'password'), "
            "or say that the jar may: --job_holds_secrets"
        )
        raise FlagError(message)


def _has_password(value: str) -> bool:
    address = value.removeprefix("jdbc:")
    if "://" not in address:
        return False
    try:
        password = urllib.parse.urlsplit(address).password
    except ValueError:
        # An address that is none, which others will tell.
        return False
    return bool(password) or _IN_QUERY.search(address) is not None
