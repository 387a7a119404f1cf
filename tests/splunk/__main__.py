"""A stand-in for Splunk's HTTP Event Collector, as a process of its own.

python -m tests.splunk [--port PORT] [--script FAULTS.json] [--tls CERTIFICATE.pem]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from tests.splunk.server import StandIn, serve


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.splunk")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, and prints it")
    parser.add_argument("--script", type=Path, help="JSON: settings, and faults of Faults")
    parser.add_argument("--tls", help="PEM: the server's key and certificate")
    given = parser.parse_args(arguments)
    settings = json.loads(given.script.read_text(encoding="utf-8")) if given.script else {}
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(StandIn(settings), given.port, given.tls))


if __name__ == "__main__":
    main(sys.argv[1:])
