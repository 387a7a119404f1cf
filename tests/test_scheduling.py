"""Tests that need one cluster run in one process of pytest-xdist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.scheduling import CLUSTERS

CONFTEST = """
from tests.scheduling import ByCluster

def pytest_xdist_make_scheduler(config, log):
    return ByCluster(config, log)
"""
TESTS = """
import os, pathlib, pytest, time

@pytest.mark.parametrize("number", range(COUNT))
def test_one(number):
    time.sleep(0.2)
    with pathlib.Path(__file__).with_suffix(".workers").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_a_file_of_a_cluster_stays_in_one_process_and_others_are_shared_out(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / CLUSTERS).mkdir(parents=True)
    files = [tmp_path / CLUSTERS / "test_cluster.py", tmp_path / "tests" / "test_other.py"]
    # Of the others more than one process can take while the other is busy with the cluster.
    for file, count in zip(files, (3, 20), strict=True):
        file.write_text(TESTS.replace("COUNT", str(count)))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    cluster, other = (file.with_suffix(".workers").read_text().split() for file in files)
    assert (len(cluster), len(other)) == (3, 20)
    assert len(set(cluster)) == 1
    assert len(set(other)) == 2
