"""Pictures behind addresses: a real S3 server on this machine, and one whose connections are cut."""

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from mien.batch import run
from mien.errors import SourceError
from tests.batch.made import SETTINGS, rows, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), 4)


def _values(folder: Path) -> list[dict[str, object]]:
    return [{key: value for key, value in row.items() if key != "source"} for row in rows(folder)]


def test_objects_in_memory_give_the_rows_of_the_files(pictures: Path, tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    for path in pictures.iterdir():
        system.pipe(f"/batch/{path.name}", path.read_bytes())
    system.pipe("/batch/labels.json", b"{}")
    run([pictures], tmp_path / "files", settings=SETTINGS)
    run(["memory://batch"], tmp_path / "objects", settings=SETTINGS)
    assert _values(tmp_path / "objects") == _values(tmp_path / "files")


def test_an_address_that_cannot_be_listed_is_told() -> None:
    with pytest.raises(SourceError, match=r"cannot be listed|install what fsspec needs|no pictures"):
        run(["nosuchprotocol://bucket/x"], Path("unused"))


#: How the pictures begin: PNG, JPEG, WebP, TIFF.
_PICTURE = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP|II\*\x00", re.DOTALL)


class _CuttingProxy(socketserver.BaseRequestHandler):
    """Passes bytes on to a server and cuts the first answers that carry a picture in the middle."""

    target = ("127.0.0.1", 0)
    left_to_cut = 0

    def handle(self) -> None:
        with socket.create_connection(self.target) as server:
            forward = threading.Thread(target=_pump, args=(self.request, server), daemon=True)
            forward.start()
            while answer := server.recv(65536):
                if type(self).left_to_cut and (start := _PICTURE.search(answer)):
                    type(self).left_to_cut -= 1
                    self.request.sendall(answer[: start.end() + 40])
                    break
                self.request.sendall(answer)
            with contextlib.suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


@pytest.fixture
def bucket(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The pictures in an S3 bucket of a server on this machine, behind a proxy that may cut connections."""
    moto = pytest.importorskip("moto.server", reason="needs a local S3 server")
    pytest.importorskip("s3fs", reason="needs a client of S3")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _CuttingProxy.target = ("127.0.0.1", server.get_host_and_port()[1])
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _CuttingProxy) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",  # of the local server
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        fsspec.filesystem("s3").clear_instance_cache()
        system = fsspec.filesystem("s3")
        if not system.exists("faces"):
            system.mkdir("faces")
        for path in pictures.iterdir():
            system.pipe(f"faces/sub/{path.name}", path.read_bytes())
        yield "s3://faces"
        proxy.shutdown()
    server.stop()


@pytest.mark.parametrize(("cuts", "failed"), [(0, 0), (1, 0), (1000, 4)])
def test_a_bucket_is_read_and_cut_connections_are_tried_again(
    bucket: str, pictures: Path, tmp_path: Path, cuts: int, failed: int
) -> None:
    _CuttingProxy.left_to_cut = cuts
    counted = run([bucket], tmp_path / "job", settings=SETTINGS)
    assert (counted.pictures, counted.failed) == (4, failed)
    if failed:
        assert "could not be fetched in 4 tries" in str(rows(tmp_path / "job")[0]["error"])
    else:
        run([pictures], tmp_path / "files", settings=SETTINGS)
        assert _values(tmp_path / "job") == _values(tmp_path / "files")
