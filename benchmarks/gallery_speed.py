"""How soon the audit's page shows its first row and its first picture in headless Chromium, on a desktop and a phone.

    python benchmarks/gallery_speed.py DATA [--rows 28000] [--repeats 3] [--shots FOLDER]

The page holds ROWS findings on the pictures of DATA, in turn, with made probabilities. Times are the page's own, from
the start of navigation. Needs selenium and chromedriver.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from shutil import which
from statistics import median
from typing import Any

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from mien.curation.audit import KINDS, Audit, Finding
from mien.curation.gallery import write_gallery
from mien.data.dataset import FerDataset, open_dataset
from mien.data.protocols import distribution

SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
MARKS = "return ['first row', 'first picture'].map(name => performance.getEntriesByName(name)[0]?.startTime ?? null)"


def made_audit(whole: FerDataset, rows: int) -> tuple[FerDataset, Audit]:
    """A data set of ``rows`` pictures and an audit that finds each of them doubtful."""
    at = np.arange(rows) % len(whole)
    per_row: dict[str, Any] = {name: np.asarray(getattr(whole, name))[at] for name in ("images", "splits", "votes")}
    rest: dict[str, Any] = dict.fromkeys(("panel_votes", "labels", "names", "persons", "groups", "found"))
    emotions, numbers = np.asarray(whole.emotions)[at], np.arange(rows, dtype=np.int32)
    dataset = replace(whole, **per_row, **rest, emotions=emotions, rows=numbers)
    noise = np.random.default_rng(0).dirichlet(np.full(8, 0.5), rows)
    probabilities = ((distribution(dataset.votes) + noise) / 2).astype(np.float32)
    scores = np.linspace(1, 0.3, rows)
    kinds = [KINDS[number % len(KINDS)] for number in range(rows)]
    findings = [Finding(n, kind, float(scores[n]), {kind: float(scores[n])}) for n, kind in enumerate(kinds)]
    return dataset, Audit(tuple(findings), {}, probabilities)


def times(driver: webdriver.Chrome, page: Path) -> tuple[float, float]:
    """Milliseconds from navigation to the first row and to the first picture."""
    driver.get(page.as_uri())
    end = time.monotonic() + 60
    while None in (marks := driver.execute_script(MARKS)):
        if time.monotonic() > end:
            raise SystemExit(f"{page}: no picture after a minute")
        time.sleep(0.05)
    return marks[0], marks[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=28_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shots", type=Path)
    given = parser.parse_args()
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "gallery.html"
        start = time.perf_counter()
        write_gallery(*made_audit(open_dataset(given.data), given.rows), page)
        spent = time.perf_counter() - start
        print(f"{given.rows:,} findings: written in {spent:.1f} s, {page.stat().st_size / 2**20:.1f} MiB")
        for name, (width, height) in SCREENS.items():
            with webdriver.Chrome(options, Service(which("chromedriver"))) as driver:
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"}
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                seen = [times(driver, page) for _ in range(given.repeats)]
                rows, pictures = (median(each) for each in zip(*seen, strict=True))
                print(f"{name}, {width}x{height}: first row {rows:.0f} ms, first picture {pictures:.0f} ms")
                if given.shots is not None:
                    given.shots.mkdir(parents=True, exist_ok=True)
                    driver.save_screenshot(str(given.shots / f"gallery-{name}.png"))


if __name__ == "__main__":
    main()
