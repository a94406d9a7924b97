"""The page's tab of videos in a real browser: sent, followed, shown, played, fetched, canceled and deleted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.browsers import Browser, downloaded, emulated, opened
from tests.service.proxies import proxied
from tests.service.servers import Server, running
from tests.videos import scene, write_video

pytestmark = pytest.mark.slow
TOKEN = "a-secret-of-some-length"  # noqa: S105 - of this test
SHOWN = (
    "const c = document.querySelector('.curve canvas'); return c.getContext('2d').getImageData(600, 90, 1, 1).data[3]"
)


@pytest.fixture(scope="module")
def reading(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("page")
    flags = ["--jobs-folder", str(folder / "jobs"), "--keep-jobs-s", "7200"]
    with running(folder, model, *flags, MIEN_TOKENS=TOKEN) as server:
        yield server


@pytest.fixture
def page(chromium: Browser, reading: Server) -> Browser:
    """The tab of videos, freshly opened by someone who has a token."""
    return visited(chromium, reading.url)


def visited(browser: Browser, url: str) -> Browser:
    page = opened(browser, url)
    page.driver.execute_script(f"sessionStorage.clear(); sessionStorage.setItem('mien-token', '{TOKEN}')")
    opened(page, url)
    page.wait(lambda: page.one("#model").text)
    page.one("#tab-video").click()
    return page


def choose(page: Browser, file: Path) -> None:
    page.one("#video-file").send_keys(str(file))


def long_video(folder: Path) -> Path:
    """``long.mp4``: 300 frames of a face that moves, enough to be met while it is read."""
    pictures = [scene([(20 + 20 * number, 120, 200)]) for number in range(10)]
    return write_video(folder / "long.mp4", (pictures[number % 10] for number in range(300)))


def show(page: Browser, file: Path) -> None:
    choose(page, file)
    page.wait(lambda: page.one("#video-status").text == "Done.", 120)
    page.wait(lambda: page.one("#video-player").is_displayed())


def test_a_video_is_read_shown_played_and_deleted(page: Browser, reading: Server, clip: Path) -> None:
    show(page, clip)
    assert "40 frames, 1 face followed." in page.one("#video-summary").text
    (row,) = page.all("#video-tracks tbody tr")
    assert row.text.replace("\u00a0", " ").startswith("1 1.6 s")
    assert page.driver.execute_script(SHOWN) == 255
    page.driver.execute_script("const p = document.querySelector('video'); p.muted = true; p.play()")
    page.wait(lambda: page.driver.execute_script("return document.querySelector('video').currentTime") > 0.5)
    assert page.driver.execute_script("return document.querySelector('video').videoWidth") == 640
    page.wait(lambda: len(page.all("#video-strip canvas")) == 8)
    page.shoot("video")
    hosts = {"/".join(address.split("/")[:3]) for address in page.requested() if not address.startswith("blob:")}
    assert hosts == {reading.url}
    assert page.complaints() == []
    page.one("#video-forget").click()
    page.wait(lambda: "deleted" in page.one("#video-status").text)
    assert not page.one("#video-result").is_displayed()
    assert not list((reading.log.parent / "jobs").rglob("annotated.mp4"))


def test_every_result_is_downloaded_and_a_reloaded_page_finds_them_again(
    page: Browser, reading: Server, clip: Path
) -> None:
    show(page, clip)
    opened(page, reading.url)
    page.one("#tab-video").click()
    page.wait(lambda: page.one("#video-player").is_displayed())
    buttons = {button.get_attribute("aria-label"): button for button in page.all("#video-files button")}
    assert len(buttons) == 6
    for label, button in buttons.items():
        name = str(label).rsplit(" ", 1)[1]
        assert downloaded(page, f"clip-{name}", button.click).stat().st_size > 100
    summary = json.loads(downloaded(page, "*-summary.json", page.one("[aria-label$='summary.json']").click).read_text())
    assert summary["name"] == "clip.mp4"
    page.one("#video-forget").click()
    page.wait(lambda: "deleted" in page.one("#video-status").text)


def test_the_progress_shows_and_a_video_can_be_canceled(page: Browser, tmp_path: Path) -> None:
    choose(page, long_video(tmp_path))
    page.wait(lambda: page.one("#video-status").text == "Reading long.mp4 …", 60)
    page.wait(lambda: page.one("#video-share").text not in {"0%", "100%"}, 60)
    page.shoot("video-progress")
    page.one("#video-cancel").click()
    page.wait(lambda: page.one("#video-status").text == "Canceled.")
    assert not page.one("#video-work").is_displayed()
    assert page.complaints() == []


def test_a_service_that_a_proxy_lost_is_waited_for(chromium: Browser, reading: Server, tmp_path: Path) -> None:
    with proxied(reading.url) as proxy:
        page = visited(chromium, proxy.url)
        choose(page, long_video(tmp_path))
        page.wait(lambda: page.one("#video-status").text == "Reading long.mp4 …", 60)
        proxy.lost.set()
        page.wait(lambda: "does not answer; trying again" in page.one("#video-status").text)
        proxy.lost.clear()
        page.wait(lambda: page.one("#video-status").text == "Done.", 120)
        page.one("#video-forget").click()
        page.wait(lambda: "deleted" in page.one("#video-status").text)
        assert all("502" in complaint for complaint in page.complaints())


def test_a_file_that_is_no_video_is_explained(page: Browser, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    choose(page, tmp_path / "notes.mp4")
    page.wait(lambda: "notes.mp4 could not be read: cannot be read as a video" in page.one("#video-status").text)
    assert page.one("#video-file").is_enabled()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1280)])
def test_axe_finds_no_barrier_and_nothing_sticks_out(page: Browser, clip: Path, scheme: str, width: int) -> None:
    with emulated(page, scheme, width):
        show(page, clip)
        assert page.width() <= width
        barriers = page.barriers()
        page.shoot(f"video-{scheme}-{width}")
        page.one("#video-forget").click()
        page.wait(lambda: "deleted" in page.one("#video-status").text)
    assert barriers == []


def test_the_page_says_how_long_a_video_is_kept(page: Browser) -> None:
    text = page.one(".private").text.replace("\u00a0", " ")
    assert "its results, including the annotated video, are stored for 2 hours" in text


def test_a_server_that_takes_no_videos_says_so(chromium: Browser, server: Server) -> None:
    page = opened(chromium, server.url)
    page.one("#tab-video").click()
    assert "This server does not accept videos" in page.one("#video").text
    assert not page.one("#video-drop").is_displayed()
    assert page.barriers() == []
