"""A server with a small network and the same pipeline in the library; a browser where there is one."""

import math
import shutil
import ssl
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.recognition.pipeline import ExpressionPipeline, load
from tests.photos import pasted, portrait
from tests.service.browsers import Browser, browser
from tests.service.servers import Server, running
from tests.small_models import write_model
from tests.videos import scene, write_video


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """httpx reads all of them for each call, which takes longer than the call; the servers here speak plain HTTP."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    metadata = ModelMetadata("small", frames=DEFAULT_FRAMES, version="1", license="none")
    return write_model(tmp_path_factory.mktemp("model") / "small.onnx", metadata)


@pytest.fixture(scope="session")
def library(model: Path) -> ExpressionPipeline:
    return load(model, threads=1)


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the limits as they come. Not to be stopped."""
    with running(tmp_path_factory.mktemp("server"), model) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="session")
def photo() -> bytes:
    """One face."""
    return encoded(Image.fromarray(portrait()), "JPEG")


@pytest.fixture(scope="session")
def group() -> bytes:
    """Three faces."""
    return encoded(Image.fromarray(pasted(220, [(80, 120), (500, 380), (900, 600)])), "JPEG")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames of a head that moves to the right, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, (scene([(20 + 6 * n, 120, 200)]) for n in range(40)), sound="aac")


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames of four small heads that drift to the right, with sound: the detector sees them by a closer look."""
    path = tmp_path_factory.mktemp("crowd") / "crowd.mp4"
    places = [(20, 30), (260, 60), (500, 250), (120, 330)]
    pictures = (scene([(left + 2 * n, top, 70) for left, top in places]) for n in range(30))
    return write_video(path, pictures, sound="aac")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera shows a head that sways and nears; skips where Chromium or its driver is absent."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("Debian's chromium and chromium-driver are not installed")
    turns = [2 * math.pi * number / 60 for number in range(60)]
    heads = [(170 + 120 * math.sin(turn), 90 + 30 * math.cos(turn), round(300 + 40 * math.sin(turn))) for turn in turns]
    frames = [encoded(Image.fromarray(scene([head])), "JPEG") for head in heads]
    with browser(tmp_path_factory.mktemp("browser"), frames) as started:
        yield started


def encoded(picture: Image.Image, form: str) -> bytes:
    stream = BytesIO()
    picture.save(stream, form)
    return stream.getvalue()
