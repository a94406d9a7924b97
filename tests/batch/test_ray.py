"""The same rows from a Ray cluster of several nodes, one of which is lost in the middle."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mien.batch import run, status
from mien.errors import ConfigError
from tests.batch.made import SETTINGS, files, write_pictures
from tests.conftest import REPOSITORY

pytest.importorskip("ray", reason="needs mien[scale]")

#: A head and two more nodes; the job runs on them and loses one while it does.
_DRIVER = """
import sys, threading, time
from ray.cluster_utils import Cluster
import ray
from mien.batch import run
from tests.batch.made import SETTINGS
if __name__ == "__main__":
    pictures, out = sys.argv[1:3]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 << 20})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=100 << 20) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    lost = []
    def lose(progress):
        if not lost:
            lost.append(nodes[0])
            cluster.remove_node(nodes[0], allow_graceful=False)
    counted = run([pictures], out, settings=SETTINGS, engine="ray", progress=lose)
    print("nodes lost", len(lost), "done", counted.done)
    cluster.shutdown()
"""


@pytest.fixture(autouse=True)
def _without_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer versions of Ray write a token into the user's home and ask other clusters for it."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_gives_the_bytes_of_one_machine(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 12)
    run([pictures], tmp_path / "local", settings=SETTINGS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(REPOSITORY)]), "RAY_DEDUP_LOGS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, str(pictures), str(tmp_path / "ray")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=280,
    )
    assert "nodes lost 1 done True" in done.stdout, done.stderr[-3000:]
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert status(tmp_path / "ray").done


@pytest.mark.slow
def test_standard_error_is_left_to_our_own_progress(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 3)
    command = [sys.executable, "-m", "mien", "batch", str(pictures), "--out", str(tmp_path / "job"), "--engine", "ray"]
    told = subprocess.run(
        [*command, "--workers", "1", "--progress", "json"], capture_output=True, text=True, check=True, timeout=280
    )
    *progress, summary = told.stderr.splitlines()
    assert json.loads([line for line in progress if line.startswith("{")][-1])["pictures"] == 3
    # Ray's core, in C++, has a line of its own for each actor, which no setting keeps back without another line
    assert [line for line in progress if not line.startswith("{") and "core_worker.cc" not in line] == []
    assert summary.startswith("3 pictures, 2 faces")
    assert told.stdout == ""


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = write_pictures(tmp_path / "pictures", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(ConfigError, match="no Ray cluster answers at 127"):
        run([pictures], tmp_path / "job", settings=SETTINGS, engine="ray")
