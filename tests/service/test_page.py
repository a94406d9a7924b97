"""The page in a real browser: photos, bad files, downloads, the camera, the keyboard, and narrow screens."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from mien.expressions import FERPLUS_LABELS, USE_NOTICE
from mien.recognition.pipeline import ExpressionPipeline
from mien.render.style import EXPRESSION_COLORS
from mien.service import app
from tests.service.browsers import Browser, downloaded, emulated, opened
from tests.service.servers import Server, running

pytestmark = pytest.mark.slow
STATIC = Path(app.__file__).parent / "static"
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
SWAY = "return Math.max(...window.places) - Math.min(...window.places)"


@pytest.fixture
def page(chromium: Browser, server: Server) -> Browser:
    """The page, freshly opened."""
    return opened(chromium, server.url)


@pytest.fixture
def files(tmp_path: Path, photo: bytes, group: bytes) -> list[Path]:
    contents = {"portrait.jpg": photo, "group.jpg": group, "notes, old.jpg": b"<svg onload=alert(1)>"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def choose(page: Browser, *files: Path) -> None:
    page.one("#files").send_keys("\n".join(map(str, files)))
    page.wait(lambda: len(page.all("#results > article")) == len(files))
    page.wait(lambda: "Reading" not in page.one("#status").text)


def test_the_page_says_what_it_is_for_and_where_pictures_go(page: Browser, server: Server) -> None:
    text = page.one("body").text
    assert USE_NOTICE in text
    assert f"go to the machine that serves this page ({server.url.removeprefix('http://')}) and nowhere else" in text


def test_photos_show_the_librarys_faces_with_eight_bars_each(
    page: Browser, files: list[Path], library: ExpressionPipeline
) -> None:
    choose(page, *files)
    page.shoot("photos")
    assert "4 faces in 2 pictures; 1 file could not be read." in page.one("#status").text
    broken, group, portrait = page.all("#results > article")
    assert "Could not be read: notes, old.jpg: not a picture" in broken.text
    assert [len(one.find_elements("css selector", "section")) for one in (group, portrait)] == [3, 1]
    face = library.predict(files[0]).faces[0]
    shown = [float(meter.get_attribute("value") or -1) for meter in portrait.find_elements("css selector", "meter")]
    assert shown == pytest.approx(face.probabilities.row, abs=1e-5)
    assert f"Face 1: {face.probabilities.top}" in portrait.text


def test_nothing_but_this_server_is_asked_and_the_console_stays_clean(
    page: Browser, files: list[Path], server: Server
) -> None:
    choose(page, files[0])
    assert {"/".join(address.split("/")[:3]) for address in page.requested()} == {server.url}
    assert page.complaints() == []


def test_results_are_downloaded_as_json_csv_and_picture(
    page: Browser, files: list[Path], library: ExpressionPipeline
) -> None:
    choose(page, *files)
    records = json.loads(downloaded(page, "*.json", page.one("#save-json").click).read_text())
    assert [record["source"] for record in records] == [file.name for file in files]
    assert [len(record.get("faces", ())) for record in records] == [1, 3, 0]
    with downloaded(page, "*.csv", page.one("#save-csv").click).open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["source"] for row in rows] == ["portrait.jpg", *["group.jpg"] * 3, "notes, old.jpg"]
    first = [float(rows[0][label]) for label in FERPLUS_LABELS]
    assert first == pytest.approx(library.predict(files[0]).faces[0].probabilities.row, abs=1e-5)
    picture = downloaded(page, "*.png", page.all("#results .picture button")[-1].click)
    assert picture.name == "portrait-expressions.png"
    with Image.open(picture) as drawn:
        assert drawn.size == (512, 512)


def test_the_camera_is_read_live_and_a_face_that_moves_is_followed(page: Browser) -> None:
    page.driver.execute_script(LISTEN)
    page.one("#tab-live").click()
    page.one("#camera").click()
    page.wait(lambda: len(page.all("#live-faces tr")) == 8)
    page.wait(lambda: "ms from camera" in page.one("#pace").text and not page.one("#pace").text.startswith("0.0"))
    before = page.one("#pace").text
    page.wait(lambda: page.one("#pace").text != before)
    page.one("#mirror").click()
    page.wait(lambda: "now mostly" in (page.one("#timeline").get_attribute("aria-label") or ""))
    page.wait(lambda: page.driver.execute_script(SWAY) > 100)
    page.shoot("camera")
    page.one("#camera").click()
    assert page.one("#live-status").text == "Stopped."


@pytest.mark.parametrize(("error", "words"), [("NotAllowedError", "refused"), ("NotFoundError", "No camera")])
def test_a_camera_that_cannot_be_had_is_explained(page: Browser, error: str, words: str) -> None:
    page.driver.execute_script(
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{error}'))"
    )
    page.one("#tab-live").click()
    page.one("#camera").click()
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


def test_the_keyboard_alone_reaches_everything(page: Browser, files: list[Path]) -> None:
    choose(page, files[0])
    page.driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = []
    for _ in range(14):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        focused = page.driver.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.get_attribute("aria-label") or focused.text)
    wanted = {"tab-photos", "files", "save-json", "save-csv", "clear", "Faces of portrait.jpg"}
    assert wanted <= set(reached)
    page.one("#tab-photos").send_keys(Keys.ARROW_RIGHT)
    assert page.one("#live").is_displayed()
    assert not page.one("#photos").is_displayed()


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, True), (360, False)])
def test_nothing_sticks_out_on_any_screen(page: Browser, files: list[Path], width: int, dark: bool) -> None:
    scheme = "dark" if dark else "light"
    with emulated(page, scheme, width):
        choose(page, files[1])
        assert page.width() <= width
        page.shoot(f"{scheme}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(page: Browser, files: list[Path], scheme: str) -> None:
    with emulated(page, scheme):
        choose(page, *files)
        barriers = page.barriers()
        page.one("#tab-live").click()
        page.one("#camera").click()
        page.wait(lambda: len(page.all("#live-faces tr")) == 8)
        barriers += page.barriers()
        page.one("#camera").click()
    assert barriers == []


def test_a_token_is_asked_for_where_one_is_needed(
    chromium: Browser, model: Path, files: list[Path], tmp_path: Path
) -> None:
    with running(tmp_path, model, MIEN_TOKENS="a-secret-of-some-length") as guarded:
        page = opened(chromium, guarded.url)
        assert page.one("#token-form").is_displayed()
        page.one("#token").send_keys("a-secret-of-some-length", Keys.ENTER)
        page.wait(lambda: page.one("#model").text)
        choose(page, files[0])
        page.one("#tab-live").click()
        page.one("#camera").click()
        page.wait(lambda: len(page.all("#live-faces tr")) == 8)
        page.one("#camera").click()


def test_the_pages_colors_are_the_librarys() -> None:
    style = (STATIC / "style.css").read_text()
    assert all(f"--{name}: {color};" in style for name, color in EXPRESSION_COLORS.items())
