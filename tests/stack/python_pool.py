"""Beam's pool of Python workers on the loopback interface alone.

    python -m tests.stack.python_pool PORT PROGRAM

Beam's own main listens on all interfaces. PROGRAM starts one worker, as boot does in Beam's image.
"""

from __future__ import annotations

import logging
import sys
import threading

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils import thread_pool_executor


def serve(port: int, program: str) -> None:
    """Serves until the process ends."""
    server = grpc.server(thread_pool_executor.shared_unbounded_instance())
    pool = BeamFnExternalWorkerPoolServicer(use_process=True, container_executable=program)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    serve(int(sys.argv[1]), sys.argv[2])
