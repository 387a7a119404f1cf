"""`kami lag --listen` as a process: it serves while nobody answers, and ends when it is told."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import httpx

from tests.kami.lag.live_lag import Scraped

KAMI = (sys.executable, "-c", "from kami.cli import main; main()")


def test_the_exporter_serves_without_a_broker_and_ends_at_sigterm() -> None:
    command = [*KAMI, "lag", "--brokers", "127.0.0.1:1", "--timeout-seconds", "0.2"]
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            said = process.stderr.readline()
            match = re.fullmatch(r"kami: metrics at (http://127\.0\.0\.1:\d+)/metrics\n", said)
            assert match, said
            assert httpx.get(f"{match[1]}/healthz", timeout=30).text == "ok\n"
            found = Scraped(httpx.get(f"{match[1]}/metrics", timeout=30).text)
            assert found.value("kamiflow_lag_up", source="kafka") == 0
            assert found.value("kamiflow_lag_errors_total", source="kafka") == 1
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            (told,) = process.stderr.readlines()
            assert told.startswith("kami: Kafka at 127.0.0.1:1 does not answer")
        finally:
            process.kill()
