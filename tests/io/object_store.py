"""A stand-in of Google Cloud Storage in this process, which Beam's file system writes to."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from unittest import mock

from gcp_storage_emulator.server import create_server  # type: ignore[import-untyped]

from tests.stack.ports import free_port

BUCKET = "letters"


@contextlib.contextmanager
def object_store() -> Iterator[str]:
    """gs:// and a bucket that is there; STORAGE_EMULATOR_HOST names the stand-in meanwhile."""
    # It logs each request as a warning.
    logging.getLogger("gcp_storage_emulator").setLevel(logging.ERROR)
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    server.start()
    try:
        with (
            mock.patch.dict("os.environ", {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}),
            # Beam looks for an account for 20 s, and then asks without one.
            mock.patch("apache_beam.internal.gcp.auth._Credentials._credentials_init", new=True),
            mock.patch("apache_beam.internal.gcp.auth._Credentials._credentials", new=None),
        ):
            yield f"gs://{BUCKET}"
    finally:
        server.stop()
