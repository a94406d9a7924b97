"""Pictures from the web: a real server that speaks TLS on this machine, and addresses that must not be asked."""

import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import mien
from mien.batch import BatchSettings, run
from mien.cli.app import app
from mien.errors import LimitError, OverdueError, SourceError
from mien.imaging import load_image, web
from tests.batch.made import rows
from tests.photos import head

pytest.importorskip("cryptography", reason="makes the certificate of the test's server")


def _picture() -> bytes:
    stream = BytesIO()
    head().save(stream, "PNG")
    return stream.getvalue()


class _Pictures(BaseHTTPRequestHandler):
    """A picture, redirects, and what servers do wrong."""

    picture = _picture()

    def do_GET(self) -> None:
        kind, _, rest = self.path.lstrip("/").partition("/")
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", rest)
            self.end_headers()
        elif kind == "missing":
            self.send_error(404)
        elif kind == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(bytes(2**16))
        elif kind == "slow":
            for byte in b"HTTP/1.0 200 OK\r\nX: " + bytes(100):
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.picture) * (2 if kind == "cut" else 1)))
            self.end_headers()
            self.wfile.write(self.picture)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name that the class gives it
        pass


def _write_certificate(path: Path) -> None:
    """A certificate of localhost with its key, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    _write_certificate(path)
    return path


@pytest.fixture
def private_server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on the loopback, whose certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pictures) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def server(private_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same server, as if it were out in the world."""
    monkeypatch.setattr(web, "_LOOPBACK_IS_PUBLIC", True)
    return private_server


def test_a_picture_is_the_same_from_the_web_and_where_it_has_moved(server: str) -> None:
    expected = np.asarray(head())
    assert np.array_equal(load_image(f"{server}/a.png", allow_urls=True), expected)
    assert np.array_equal(load_image(f"{server}/moved//a.png", allow_urls=True), expected)
    assert np.array_equal(load_image(f"{server}/moved/{server}/a.png", allow_urls=True), expected)


def test_servers_that_fail_are_told(server: str) -> None:
    with pytest.raises(SourceError, match="the server answers 404"):
        web.fetch(f"{server}/missing")
    with pytest.raises(SourceError, match="more than 5 redirects"):
        web.fetch(server + 6 * "/moved/" + "/a.png")
    with pytest.raises(SourceError, match="bytes too early"):
        web.fetch(f"{server}/cut", time_s=5)
    with pytest.raises(LimitError, match="more than 1,000,000 bytes"):
        web.fetch(f"{server}/endless", max_bytes=1_000_000)
    with pytest.raises(OverdueError, match=r"within 0\.5 s"):
        web.fetch(f"{server}/slow", time_s=0.5)


def test_the_network_that_asks_is_not_asked_in_redirects_either(
    private_server: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("https://10.0.0.1/a.png", "https://[fd00::1]/", "https://169.254.169.254/latest/meta-data"):
        with pytest.raises(SourceError, match="is not public"):
            web.fetch(f"{server}/moved/{place}")
    for place in ("http://localhost/a.png", "file:///etc/passwd", "ftp://localhost/a.png"):
        with pytest.raises(SourceError, match="no https address"):
            web.fetch(f"{server}/moved/{place}")
    monkeypatch.setattr(web, "_LOOPBACK_IS_PUBLIC", False)
    with pytest.raises(SourceError, match="is not public"):
        web.fetch(f"{private_server}/a.png")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "2130706433", "0x7f.1", "127.1", "localhost"),
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]"),
        *("[2002:a00:1::]", "[ff02::1]"),
    ],
)
def test_private_addresses_in_every_spelling_are_refused(host: str) -> None:
    with pytest.raises(SourceError, match=r"is not public|cannot be fetched"):
        web.fetch(f"https://{host}/a.png", time_s=2)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert web._is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.png",
        "https://",
        "https://user:secret@example.org/",
        "https://example.org:x/",
        "https://a b/",
    ],
)
def test_what_is_no_plain_https_address_is_refused(address: str) -> None:
    with pytest.raises(SourceError, match=r"no https address|name or password") as caught:
        web.fetch(address)
    assert "secret" not in str(caught.value)


def test_the_command_and_a_batch_job_read_the_web_only_where_it_is_allowed(server: str, tmp_path: Path) -> None:
    address = f"{server}/a.png"
    expected = mien.load(threads=1).predict(head()).faces[0].expression
    runner = CliRunner()
    refused = runner.invoke(app, ["predict", address])
    assert refused.exit_code == 5
    assert "--allow-urls" in refused.stderr
    told = runner.invoke(app, ["predict", address, "--allow-urls", "--format", "json"])
    assert told.exit_code == 0, told.stderr
    assert f'"{expected}"' in told.stdout

    (tmp_path / "a.csv").write_text(f"url\n{address}\n{server}/missing\nhttp://localhost/a.png\n")
    run([tmp_path / "a.csv"], tmp_path / "refused", settings=BatchSettings(workers=1))
    assert all("allow-urls" in str(row["error"]) for row in rows(tmp_path / "refused"))
    run([tmp_path / "a.csv"], tmp_path / "job", settings=BatchSettings(workers=1, allow_urls=True))
    found = rows(tmp_path / "job")
    assert [row["expression"] for row in found] == [expected, None, None]
    assert "404" in str(found[1]["error"])
    assert "no https address" in str(found[2]["error"])
