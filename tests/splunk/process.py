"""The stand-in as a process that tests start, set up and ask."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from pipeline_io.splunk_config import SplunkConfig

TOKEN = "11111111-2222-3333-4444-555555555555"  # noqa: S105
TOKEN_VARIABLE = "KAMIFLOW_TEST_HEC_TOKEN"  # noqa: S105

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0


class Hec:
    """A stand-in that runs while this is entered. set_up: with settings by name, and `faults`.

    certificate, authority: PEM files, for TLS.
    """

    def __init__(
        self, certificate: Path | None = None, authority: Path | None = None, port: int = 0
    ) -> None:
        self._command = [sys.executable, "-m", "tests.splunk", f"--port={port}"]
        self._scheme = "http"
        self.authority = authority
        if certificate is not None:
            self._command += ["--tls", str(certificate)]
            self._scheme = "https"
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.http = httpx.Client(verify=False)  # noqa: S501  # of this very machine

    def __enter__(self) -> Hec:
        os.environ[TOKEN_VARIABLE] = TOKEN
        self._process = subprocess.Popen(
            self._command, cwd=_ROOT, stdout=subprocess.PIPE, text=True
        )
        stdout = self._process.stdout
        if stdout is None or not select.select([stdout], [], [], _START_SECONDS)[0]:
            message = f"the stand-in said no port for {_START_SECONDS:.0f} s"
            raise RuntimeError(message)
        self.url = f"{self._scheme}://127.0.0.1:{int(stdout.readline())}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    @property
    def pid(self) -> int:
        if self._process is None:
            message = "the stand-in is not running"
            raise RuntimeError(message)
        return self._process.pid

    def config(self, **options: Any) -> SplunkConfig:
        """For a writer to this stand-in; waits are short."""
        options.setdefault("retry_seconds", 30.0)
        options.setdefault("urls", (self.url,))
        options.setdefault("token", f"env://{TOKEN_VARIABLE}")
        return SplunkConfig(**options)

    def set_up(self, **settings: Any) -> None:
        self.http.post(f"{self.url}/stand-in/settings", json=settings).raise_for_status()

    def fails(self, *script: Mapping[str, Any]) -> None:
        """The next requests go wrong so, see Fault."""
        self.set_up(faults={"script": list(script)})

    def report(self) -> dict[str, int]:
        found: dict[str, int] = self.http.get(f"{self.url}/stand-in/report").json()
        return found

    def events(self) -> list[dict[str, Any]]:
        """What was taken, in the order it was."""
        return [event for event, _ in self.taken()]

    def taken(self) -> list[tuple[dict[str, Any], float]]:
        """What was taken, and when, in seconds since 1970."""
        found = self.http.get(f"{self.url}/stand-in/events").json()
        return [(event, float(at)) for event, at in found]

    def ids(self) -> list[str]:
        """Each event_id that was taken, once."""
        answer = self.http.get(f"{self.url}/stand-in/ids", timeout=120)
        found: list[str] = answer.json()
        return found
