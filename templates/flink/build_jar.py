"""Makes the jar of a pipeline's job from a file of flags, where the job manager starts.

    python -m templates.flink.build_jar --pipeline=aml --flags=flags.txt --jar=/job/job.jar

Each line of the file is a flag, as it is: nothing is quoted. Empty lines and lines that begin with
# are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipelines import logs
from pipelines.command import WRONG_CONFIGURATION
from pipelines.options import FlagError
from templates.arguments import JAVA, fetched
from templates.catalogue import TEMPLATES, Template
from templates.java_service import command, free_port, serving
from templates.parameter_facts import READ_AT_LAUNCH

RUNNER = "--runner=FlinkRunner"
PIPELINES = tuple(TEMPLATES)
_OURS = ("runner", "follow", "output_executable_path", "expansion_service", "java_batches")


def flags_of(path: Path) -> list[str]:
    """The flags of a file. Raises FlagError for a line that is none, or sets what is set here."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        message = f"--flags={path}: {error.strerror}; expected a file with a flag on each line"
        raise FlagError(message) from error
    flags = []
    for number, line in enumerate(lines, 1):
        flag = line.strip()
        if not flag or flag.startswith("#"):
            continue
        # A value may be a secret that does not belong here: it is not shown.
        name = flag.removeprefix("--").partition("=")[0]
        if not flag.startswith("--") or not name.replace("_", "").isalnum():
            message = f"{path}:{number}: no flag; expected --NAME or --NAME=VALUE on each line"
            raise FlagError(message)
        if name in _OURS:
            message = f"{path}:{number}: --{name} is set by the image; take the line out"
            raise FlagError(message)
        flags.append(flag)
    return flags


def arguments_of(
    template: Template,
    flags: Sequence[str],
    jar: Path,
    java: str,
    fetch: Callable[[str], str] = fetched,
) -> list[str]:
    """The pipeline's command line. Raises FlagError.

    Args:
        java: HOST:PORT of the expansion service; no text for a pipeline without Java.
        fetch: makes a local copy of a file in a bucket, such as the script of a job.
    """
    made = [_local(flag, fetch) for flag in flags]
    made += [RUNNER, *template.fixed, f"--output_executable_path={jar}"]
    if java:
        made += [f"--expansion_service={java}", "--java_batches"]
    return made


def _local(flag: str, fetch: Callable[[str], str]) -> str:
    name, _, value = flag.removeprefix("--").partition("=")
    return f"--{name}={fetch(value)}" if name in READ_AT_LAUNCH and "://" in value else flag


@contextlib.contextmanager
def java_service(template: Template) -> Iterator[str]:
    """The address of the image's Java transforms; no text for a pipeline without Java."""
    jar = os.environ.get(JAVA)
    if not template.needs_java:
        yield ""
        return
    if not jar:
        message = f"{JAVA} is not set: the image flink-worker names the jar of Java's transforms"
        raise FlagError(message)
    port = free_port()
    with serving(command(jar, port), port) as address:
        yield address


def build(pipeline: str, flags: Path, jar: Path) -> int:
    """Writes the jar; the pipeline's exit code. Raises FlagError."""
    if pipeline not in PIPELINES:
        message = f"--pipeline={pipeline}: expected one of {', '.join(PIPELINES)}"
        raise FlagError(message)
    template = TEMPLATES[pipeline]
    given = flags_of(flags)
    with java_service(template) as java:
        return template.main(arguments_of(template, given, jar, java))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 the jar is there, 2 a flag is wrong, others as the pipeline says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", required=True, help=", ".join(PIPELINES))
    parser.add_argument("--flags", required=True, type=Path, help="a file, a flag on each line")
    parser.add_argument("--jar", required=True, type=Path, help="the file to write")
    options = parser.parse_args(argv)
    try:
        return build(options.pipeline, options.flags, options.jar)
    except FlagError as error:
        logs.begin(logs.wanted_format([]), options.pipeline)
        logs.tell_error(str(error))
        return WRONG_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
