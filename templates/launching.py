"""What main.py of each template does: the pipeline's own main, with the launcher's parameters."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence

from pipelines.command import WRONG_CONFIGURATION
from pipelines.options import FlagError
from templates.arguments import JAVA, flags_of
from templates.catalogue import TEMPLATES
from templates.java_service import command, free_port, serving

_HELP = {"-h", "--help"}


def launch_pipeline(
    pipeline: str, argv: Sequence[str], environment: Mapping[str, str] = os.environ
) -> int:
    """Builds the pipeline's job, which Dataflow then runs; the exit code is 0 if it did."""
    template = TEMPLATES[pipeline]
    jar = environment.get(JAVA)
    try:
        flags = flags_of(template, argv, environment)
        with contextlib.ExitStack() as stack:
            if jar and template.needs_java and not _HELP & set(argv):
                port = free_port()
                address = stack.enter_context(serving(command(jar, port), port))
                flags += [f"--expansion_service={address}", "--java_batches"]
            return template.main(flags)
    except FlagError as error:
        sys.stderr.write(f"error: {error}\n")
        return WRONG_CONFIGURATION
