"""The annotated video in a real browser: headless Chromium plays it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mien.video.sinks.annotated import AnnotatedVideo
from tests.video.recording import opened
from tests.videos import scene

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason="needs chromium and chromedriver")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    started = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield started
    started.quit()


@pytest.mark.slow
def test_chromium_plays_the_annotated_video(driver: Any, tmp_path: Path) -> None:
    with opened(AnnotatedVideo(tmp_path / "a.mp4")) as drawn:
        for number in range(75):
            drawn.add(scene([(20 + 6 * number, 120, 200)]), number / 25)
    (tmp_path / "page.html").write_text('<video src="a.mp4" muted></video>')
    driver.get((tmp_path / "page.html").as_uri())
    driver.execute_async_script("document.querySelector('video').play().then(arguments[0], arguments[0])")
    state = "const v = document.querySelector('video'); return [v.currentTime, v.videoWidth, v.videoHeight, v.duration]"
    end = time.monotonic() + 120
    while driver.execute_script(state)[0] < 0.5 and time.monotonic() < end:
        time.sleep(0.1)
    shown_s, width, height, length_s = driver.execute_script(state)
    assert shown_s >= 0.5
    assert (width, height) == (640, 480)
    assert length_s == pytest.approx(3.0, abs=0.1)
