"""Headless Chromium with a made camera, as a visitor would use it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

#: axe-core 4.14.1 by Deque Systems (MPL-2.0), as its npm package holds it.
AXE = Path(__file__).parent / "assets" / "axe.min.js"

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,1000",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@dataclass(frozen=True, slots=True)
class Browser:
    """A driver, the folder where downloads arrive, and the one where screenshots go."""

    driver: Any
    downloads: Path
    shots: Path

    def one(self, selector: str) -> WebElement:
        found: WebElement = self.driver.find_element(By.CSS_SELECTOR, selector)
        return found

    def all(self, selector: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def wait(self, condition: Callable[[], object], seconds: float = 120) -> None:
        """Until the condition holds.

        Raises:
            TimeoutError: It never did.
        """
        end = time.monotonic() + seconds
        while not self._holds(condition):
            if time.monotonic() > end:
                raise TimeoutError(self.one("body").text)
            time.sleep(0.05)

    @staticmethod
    def _holds(condition: Callable[[], object]) -> bool:
        try:
            return bool(condition())
        except StaleElementReferenceException:  # the page replaced what the condition was looking at
            return False

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page for people to look at."""
        script = "return [window.innerWidth, window.innerHeight, document.documentElement.scrollHeight]"
        width, height, whole = self.driver.execute_script(script)
        self._resize(width, whole)
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))
        self._resize(width, height)

    def _resize(self, width: int, height: int) -> None:
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def requested(self) -> set[str]:
        """Addresses that the page asked for."""
        script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        return set(self.driver.execute_script(script))

    def barriers(self) -> list[str]:
        """What axe-core finds that keeps people from using the page as it is now."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]

    def width(self) -> int:
        """Pixels that the page needs from left to right."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth"))

    def complaints(self) -> list[str]:
        """What the console holds of errors."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]


@contextmanager
def browser(folder: Path, camera_frames: Sequence[bytes]) -> Iterator[Browser]:
    """A fresh browser whose camera shows ``camera_frames``, JPEGs, over and over."""
    clip = folder / "camera.mjpeg"
    clip.write_bytes(b"".join(camera_frames))
    downloads, shots = folder / "downloads", folder / "shots"
    downloads.mkdir()
    shots.mkdir()
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--use-file-for-fake-video-capture={clip}", f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield Browser(driver, downloads, shots)
    finally:
        driver.quit()


def opened(chromium: Browser, address: str) -> Browser:
    """The page, freshly loaded."""
    chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.driver.get(address)
    chromium.wait(lambda: chromium.one("#model").text or chromium.one("#token-form").is_displayed())
    chromium.complaints()
    return chromium


def downloaded(page: Browser, pattern: str, button: Callable[[], None]) -> Path:
    """The file that a button gives."""
    for old in page.downloads.iterdir():
        old.unlink()
    button()
    page.wait(lambda: list(page.downloads.glob(pattern)))
    (path,) = page.downloads.glob(pattern)
    return path


@contextmanager
def emulated(page: Browser, scheme: str, width: int | None = None) -> Iterator[None]:
    """A visitor who likes it ``light`` or ``dark``, on a screen of some width."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    if width is not None:
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        yield
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
