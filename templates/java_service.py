"""The image's Java transforms, at hand for as long as a job is built.

One service for all transforms of a job: Beam alone would start a Java for each of them, which takes
it some 15 s.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence

import grpc

from pipelines.options import FlagError

START_SECONDS = 180.0
"""The service reads all classes of a large jar, on a launcher's small machine."""
POLL_SECONDS = 0.5
STOP_SECONDS = 10.0


def command(jar: str, port: int) -> list[str]:
    """What starts the service. The workers get the jar itself."""
    return ["java", "-jar", jar, str(port), f"--filesToStage={jar}"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(starts: Sequence[str], port: int) -> Iterator[str]:
    """The address of the service that the command starts. Raises FlagError if it does not."""
    try:
        # Its log is the launcher's: what a transform is refused for stands there.
        process = subprocess.Popen(list(starts))  # noqa: S603  (a command of this module)
    except OSError as error:
        message = f"{starts[0]}: {error}; the image has Java on its PATH"
        raise FlagError(message) from error
    try:
        yield _address_of(process, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address_of(process: subprocess.Popen[bytes], port: int) -> str:
    address = f"127.0.0.1:{port}"
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            message = (
                f"the service of the Java transforms ended with {process.returncode}: its log says "
                "why"
            )
            raise FlagError(message)
        # A channel that could not connect waits longer each time, so each question makes its own.
        with grpc.insecure_channel(address) as channel:
            with contextlib.suppress(grpc.FutureTimeoutError):
                grpc.channel_ready_future(channel).result(timeout=POLL_SECONDS)
                return address
    message = f"the service of the Java transforms did not answer within {START_SECONDS:.0f} s"
    raise FlagError(message)
