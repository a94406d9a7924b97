"""The JavaScript of the page on face-api.js, run as printed in a browser against a server."""

import re
from base64 import b64encode

import pytest

from mien.recognition.pipeline import ExpressionPipeline
from tests.conftest import REPOSITORY
from tests.service.browsers import Browser, opened
from tests.service.servers import Server

pytestmark = pytest.mark.slow
PAGE = (REPOSITORY / "docs" / "how-to" / "from-face-api.md").read_text(encoding="utf-8")
CALL = """
    const [encoded, done] = arguments;
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    detectAllFacesWithExpressions(new Blob([bytes])).then(done, (error) => done(String(error)));
"""


def test_the_script_gives_what_face_api_gives(
    chromium: Browser, server: Server, library: ExpressionPipeline, photo: bytes
) -> None:
    (script,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    page = opened(chromium, server.url)
    (found,) = page.driver.execute_async_script(script + CALL, b64encode(photo).decode())
    (face,) = library.predict(photo).faces
    box = found["detection"]["box"]
    assert (box["x"], box["y"], box["width"], box["height"]) == pytest.approx(face.detection.box.xywh, abs=0.01)
    assert found["detection"]["score"] == pytest.approx(face.detection.score, abs=1e-5)
    names = ["neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"]
    assert set(found["expressions"]) == set(names)  # the driver sorts what it hands over
    assert found["expressions"]["surprised"] == pytest.approx(face.probabilities["surprise"], abs=1e-5)
    problem = page.driver.execute_async_script(script + CALL, b64encode(b"no picture").decode())
    assert "not a picture" in problem
