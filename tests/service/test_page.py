"""The page in a real browser: photos, bad files, downloads, the camera, the keyboard, and narrow screens."""

import csv
import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from mien.adaptation.labeled import read_labeled
from mien.detection.registry import build_detector
from mien.expressions import FERPLUS_LABELS, USE_NOTICE
from mien.geometry import Box
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.render.labels import place_labels
from mien.render.style import EXPRESSION_COLORS
from mien.render.text import rounded, significant
from mien.service import app
from tests.photos import pasted
from tests.service.browsers import Browser, downloaded, emulated, opened
from tests.service.servers import Server, running
from tests.small_models import write_model

pytestmark = pytest.mark.slow
STATIC = Path(app.__file__).parent / "static"


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
    page.wait(lambda: page.one("#status").text and "Reading" not in page.one("#status").text)


def open_picture(page: Browser, number: int) -> WebElement:
    """The picture of a thumbnail, shown with its faces."""
    thumb = page.all("#gallery button")[number]
    name = str(thumb.get_attribute("aria-label")).partition(":")[0]
    thumb.click()
    page.wait(lambda: page.all("#result h2") and page.one("#result h2").text == name)
    return page.one("#result")


def test_the_page_says_what_it_is_for_and_where_pictures_go(page: Browser, server: Server) -> None:
    text = page.one("body").text
    assert USE_NOTICE in text
    host = server.url.removeprefix("http://")
    assert f"are sent to the machine that serves this page ({host}) and nowhere else" in text


def test_photos_show_the_librarys_faces_three_bars_first_and_eight_on_demand(
    page: Browser, files: list[Path], library: ExpressionPipeline
) -> None:
    choose(page, *files)
    page.shoot("photos")
    assert page.one("#status").text == "4 faces in 2 pictures; 1 file could not be read."
    (failure,) = page.all("#failures li")
    assert failure.text.startswith("notes, old.jpg: not a picture")
    assert failure.text.count("notes, old.jpg") == 1
    faces = library.predict(files[0]).faces
    portrait = open_picture(page, 0)
    ranked = [share for _, share in faces[0].probabilities.ranked()]
    meters = portrait.find_elements("css selector", "meter")
    assert [float(one.get_attribute("value") or -1) for one in meters] == pytest.approx(ranked, abs=1e-5)
    assert [one.is_displayed() for one in meters] == [True] * 3 + [False] * 5
    portrait.find_element("css selector", "summary").click()
    assert all(one.is_displayed() for one in meters)
    assert f"Face 1: {faces[0].expression} {faces[0].probability:.0%}" in portrait.text
    assert len(open_picture(page, 1).find_elements("css selector", ".face")) == 3


def test_an_error_alone_offers_no_downloads(page: Browser, files: list[Path]) -> None:
    choose(page, files[2])
    assert page.one("#status").text == "1 file could not be read."
    assert not page.one("#downloads").is_displayed()
    assert not page.one("#result").is_displayed()


def test_the_chart_counts_all_faces_and_filters_the_pictures(
    page: Browser, files: list[Path], library: ExpressionPipeline
) -> None:
    choose(page, *files)
    named = [[str(face.expression) for face in library.predict(file).faces] for file in files[:2]]
    shown = dict(button.text.rsplit("\n", 1) for button in page.all("#chart button"))
    assert shown == {name: str(count) for name, count in Counter([*named[0], *named[1]]).items()}
    for button in range(len(shown)):
        name = page.all("#chart button")[button].text.split("\n")[0]
        page.all("#chart button")[button].click()
        assert len(page.all("#gallery li")) == sum(name in names for names in named)
        page.all("#chart button")[button].click()
    assert len(page.all("#gallery li")) == 2


def test_below_the_chosen_confidence_nothing_is_named(page: Browser, files: list[Path]) -> None:
    choose(page, files[0])
    page.driver.execute_script("document.getElementById('options').open = true")
    for _ in range(19):
        page.one("#least").send_keys(Keys.ARROW_RIGHT)
    assert page.one("#least-value").text == "95%"
    assert "Face 1: uncertain" in page.one("#result").text
    assert "Face 1: uncertain 9" not in page.one("#result").text  # the percent would be that of no name
    uncertain, neutral = page.driver.execute_async_script(
        "const done = arguments[0];"
        "import('/static/drawing.js').then((m) => done([m.colorOf('uncertain'), m.colorOf('neutral')]))"
    )
    assert uncertain != neutral


def test_the_keyboard_goes_through_faces_and_corrects_labels_for_mien_adapt(
    page: Browser, files: list[Path], library: ExpressionPipeline
) -> None:
    choose(page, files[1])
    assert not page.one("#save-labels").is_displayed()
    cards = page.all("#result .face")
    cards[0].send_keys(Keys.ARROW_DOWN)
    assert page.driver.switch_to.active_element == cards[1]
    assert "selected" in str(cards[1].get_attribute("class"))
    ActionChains(page.driver).send_keys("4").perform()  # sadness, the fourth of FER+
    page.wait(lambda: "Face 2: sadness (corrected)" in page.one("#result").text)
    ActionChains(page.driver).send_keys(Keys.ARROW_UP).send_keys("7").perform()
    page.wait(lambda: "Face 1: fear" in page.one("#result").text)
    path = downloaded(page, "*.zip", page.one("#save-labels").click)
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        rows = list(csv.DictReader(archive.read("labels.csv").decode().splitlines()))
        assert [(row["label"], row["source"]) for row in rows] == [("fear", "group.jpg"), ("sadness", "group.jpg")]
        for row in rows:
            with Image.open(BytesIO(archive.read(row["path"]))) as crop:
                assert crop.width == crop.height
                assert len(build_detector().detect(np.asarray(crop.convert("RGB")))) == 1
    read = read_labeled(path, library)
    assert [str(library.recognizer.labels[at]) for at in read.labels] == ["fear", "sadness"]
    assert read.not_found == 0
    ActionChains(page.driver).send_keys("0").perform()


def test_a_picture_is_zoomed_and_the_chosen_face_comes_into_view(page: Browser, files: list[Path]) -> None:
    choose(page, files[1])
    page.one("[aria-label='Zoom in']").click()
    page.one("[aria-label='Zoom in']").click()
    page.all("#result .face")[2].click()
    left, width, inside = page.driver.execute_script(
        "const s = document.querySelector('.stage'); return [s.scrollLeft, s.scrollWidth, s.clientWidth]"
    )
    assert width > 1.9 * inside
    assert left > 0


def test_on_a_phone_the_result_is_scrolled_to(page: Browser, files: list[Path]) -> None:
    with emulated(page, "light", 390):
        choose(page, files[1])
        top = page.driver.execute_script("return document.getElementById('result').getBoundingClientRect().top")
        assert -5 <= top < 400
        assert page.barriers() == []


def test_six_faces_are_reached_without_a_box_that_scrolls(page: Browser, tmp_path: Path) -> None:
    places = [(40 + 300 * column, 60 + 330 * row) for row in range(2) for column in range(3)]
    Image.fromarray(pasted(200, places)).save(tmp_path / "six.jpg")
    choose(page, tmp_path / "six.jpg")
    assert len(page.all("#result .face")) == 6
    inner = page.driver.execute_script(
        "const box = document.querySelector('#result .faces'); return box.scrollHeight - box.clientHeight"
    )
    assert inner == 0


def test_a_dropped_folder_gives_its_pictures(page: Browser, files: list[Path]) -> None:
    folder = files[0].parent / "holiday"
    (folder / "deep").mkdir(parents=True)
    files[0].rename(folder / "a.jpg")
    files[1].rename(folder / "deep" / "b.jpg")
    (folder / "Thumbs.db").write_bytes(b"x")
    page.one("#folder").send_keys(str(folder))
    page.wait(lambda: page.one("#status").text == "4 faces in 2 pictures.")
    assert not page.all("#failures li")


def test_a_pasted_screenshot_is_read(page: Browser, photo: bytes) -> None:
    page.driver.execute_script(
        "const data = new DataTransfer();"
        "data.items.add(new File([Uint8Array.from(arguments[0])], 'image.png', { type: 'image/png' }));"
        "document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
        list(photo),
    )
    page.wait(lambda: page.one("#status").text == "1 face in 1 picture.")


def test_the_history_stays_in_the_tab_and_is_forgotten_on_request(page: Browser, files: list[Path]) -> None:
    choose(page, files[0])
    page.one("#history summary").click()
    assert "portrait.jpg" in page.one("#history-rows").text
    assert page.driver.execute_script("return localStorage.length") == 0
    page.one("#forget").click()
    assert not page.one("#history").is_displayed()


def test_two_models_are_compared_side_by_side(
    chromium: Browser, model: Path, files: list[Path], tmp_path: Path
) -> None:
    other = write_model(tmp_path / "other.onnx", ModelMetadata("other", frames=DEFAULT_FRAMES, version="1"), seed=9)
    with running(tmp_path, model, "--more-models", str(other)) as pair:
        page = opened(chromium, pair.url)
        choose(page, files[0])
        page.driver.execute_script("document.getElementById('options').open = true")
        page.one("#compare").find_elements("css selector", "option")[1].click()
        page.wait(lambda: page.one("#status").text == "Read again.")
        faces = [load(each, threads=1).predict(files[0]).faces[0] for each in (model, other)]
        heads = [head.text for head in page.all("#result table:first-child thead th")]
        assert heads == [f"{each.stem}: {face.expression}" for each, face in zip((model, other), faces, strict=True)]
        rows = page.all("#result .pair tbody tr")
        assert len(rows) == 8
        for row in rows:
            name = row.find_element("css selector", "th").get_attribute("textContent")
            meters = [float(m.get_attribute("value") or -1) for m in row.find_elements("css selector", "meter")]
            assert meters == pytest.approx([face.probabilities[str(name)] for face in faces], abs=1e-5)
        # Side by side: the two bars of a row lie at one height.
        first, second = (meter.location["y"] for meter in rows[0].find_elements("css selector", "meter"))
        assert first == second
        assert page.barriers() == []


def test_files_of_the_page_are_rounded_and_safe_for_spreadsheets(page: Browser, tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "=1+1.jpg").write_bytes(photo)
    choose(page, tmp_path / "=1+1.jpg")
    with downloaded(page, "*.csv", page.one("#save-csv").click).open() as stream:
        (row,) = csv.DictReader(stream)
    assert row["source"] == "'=1+1.jpg"
    for name in ("left", "detector_score", "probability", *FERPLUS_LABELS):
        assert float(row[name]) == significant(float(row[name]))
    text = downloaded(page, "*.json", page.one("#save-json").click).read_text()
    (record,) = json.loads(text)
    assert record == rounded(record)
    assert record["source"] == "=1+1.jpg"


def test_labels_are_placed_as_in_the_librarys_pictures(page: Browser) -> None:
    rng = np.random.default_rng(4)
    for count in (1, 3, 12, 40):
        corners = rng.uniform(0, 700, (count, 2))
        boxes = [
            Box(x, y, x + side, y + side) for (x, y), side in zip(corners, rng.uniform(20, 200, count), strict=True)
        ]
        texts = [f"{number} happiness"[: rng.integers(1, 12)] for number in range(count)]
        expected, free = place_labels(boxes, texts, size=(900, 800), unit=16, length=lambda text: 9.0 * len(text))
        found = page.driver.execute_async_script(
            "const [boxes, texts, done] = arguments; import('/static/labels.js').then((m) =>"
            " done(m.placeLabels(boxes, texts, [900, 800], 16, (text) => 9 * text.length)))",
            [box.to_dict() for box in boxes],
            texts,
        )
        assert found["free"] == free
        for ours, theirs in zip(found["labels"], expected, strict=True):
            assert ours["text"] == theirs.text
            assert {key: ours[key] for key in theirs.box.to_dict()} == pytest.approx(theirs.box.to_dict())


def test_on_a_phone_the_history_fits_and_tears_no_number_from_its_name(page: Browser, files: list[Path]) -> None:
    long_name = files[0].rename(files[0].with_name("people_at_the_summer_party_2024_01.jpg"))
    with emulated(page, "light", 390):
        choose(page, long_name, files[1])
        page.one("#history summary").click()
        table, box = (page.one(selector).rect for selector in ("#history table", "#history"))
        assert table["x"] + table["width"] <= box["x"] + box["width"]
        cells = page.all("#history-rows td:last-child")
        assert all("\u00a0" in str(cell.get_attribute("textContent")) for cell in cells)
        assert page.width() <= 390


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
    picture = downloaded(page, "*.png", page.one("[aria-label^='Download picture']").click)
    assert picture.name == "portrait-expressions.png"
    with Image.open(picture) as drawn:
        assert drawn.size == (512, 512)


def test_the_keyboard_alone_reaches_everything(page: Browser, files: list[Path]) -> None:
    choose(page, files[0])
    page.driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = []
    for _ in range(22):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        focused = page.driver.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.get_attribute("aria-label") or focused.text)
    wanted = {"tab-photos", "files", "save-json", "save-csv", "clear", "Face 1", "Correct the label of face 1"}
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
