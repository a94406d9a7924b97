"""The page's tab of the camera in a real browser: live, every face with its track, and why there is no picture."""

import pytest

from tests.service.browsers import Browser, opened
from tests.service.servers import Server

pytestmark = pytest.mark.slow
#: Notes where the service sees the face in each frame of the camera; then how many pixels lie between these places.
LISTEN = """
    const Socket = window.WebSocket;
    window.places = [];
    window.WebSocket = class extends Socket {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", ({data}) => {
                for (const face of JSON.parse(data).faces ?? []) window.places.push(face.box.left);
            });
        }
    };
"""
#: A camera that shows a picture until ``empty`` is called.
CANVAS_CAMERA = """
    const [bytes, done] = arguments;
    createImageBitmap(new Blob([Uint8Array.from(bytes)])).then((picture) => {
        const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
        [canvas.width, canvas.height] = [picture.width, picture.height];
        let shown = true;
        window.empty = () => { shown = false; };
        setInterval(() => (shown ? pen.drawImage(picture, 0, 0) : pen.fillRect(0, 0, 9999, 9999)), 100);
        navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
        done();
    });
"""
SWAY = "return Math.max(...window.places) - Math.min(...window.places)"


@pytest.fixture
def page(chromium: Browser, server: Server) -> Browser:
    """The page, freshly opened."""
    return opened(chromium, server.url)


def test_the_camera_is_read_live_and_a_face_that_moves_is_followed(page: Browser) -> None:
    page.driver.execute_script(LISTEN)
    page.one("#tab-live").click()
    page.one("#camera").click()
    page.wait(lambda: len(page.all("#live-faces tr")) == 8)
    page.wait(lambda: "ms from camera" in page.one("#pace").text and not page.one("#pace").text.startswith("0.0"))
    before = page.one("#pace").text
    page.wait(lambda: page.one("#pace").text != before)
    page.one("#mirror").click()
    page.wait(lambda: "now mostly" in (page.one("#live-faces canvas").get_attribute("aria-label") or ""))
    assert page.one("#live-faces .face").get_attribute("aria-label") == "Face 1"
    page.wait(lambda: page.driver.execute_script(SWAY) > 100)
    page.shoot("camera")
    page.one("#camera").click()
    assert page.one("#live-status").text == "Stopped."


def test_the_card_of_a_face_that_left_says_so_and_goes_after_a_while(page: Browser, photo: bytes) -> None:
    page.driver.execute_async_script(CANVAS_CAMERA, list(photo))
    page.one("#tab-live").click()
    page.one("#camera").click()
    page.wait(lambda: [head.text.startswith("Face 1: ") for head in page.all("#live-faces h3")] == [True])
    page.driver.execute_script("window.empty()")
    page.wait(lambda: page.one("#live-faces h3").text == "Face 1: gone")
    assert page.barriers() == []
    page.wait(lambda: not page.all("#live-faces .face"))
    assert page.one("#live-none").is_displayed()
    page.one("#camera").click()


@pytest.mark.parametrize(("error", "words"), [("NotAllowedError", "denied"), ("NotFoundError", "No camera")])
def test_a_camera_that_cannot_be_had_is_explained(page: Browser, error: str, words: str) -> None:
    page.driver.execute_script(
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{error}'))"
    )
    page.one("#tab-live").click()
    page.one("#camera").click()
    assert "The camera is off" in page.one("#live-empty").text
    page.wait(lambda: words in page.one("#live-status").text)
    page.wait(page.one("#camera").is_enabled)


def test_a_second_click_while_the_camera_is_asked_for_starts_no_second_one(page: Browser) -> None:
    page.driver.execute_script(
        "window.asked = 0; const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "const allowed = new Promise((resolve) => { window.allow = resolve; });"
        "navigator.mediaDevices.getUserMedia = async (wish) => { window.asked += 1; await allowed; return real(wish); }"
    )
    page.one("#tab-live").click()
    page.driver.execute_script("for (const _ of [1, 2]) document.getElementById('camera').click()")
    assert page.driver.execute_script("return window.asked") == 1
    page.driver.execute_script("window.allow()")
    page.wait(lambda: len(page.all("#live-faces tr")) == 8)
    page.one("#camera").click()
    assert page.one("#live-status").text == "Stopped."
