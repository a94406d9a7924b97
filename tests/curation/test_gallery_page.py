"""The audit's page in a real browser: keyboard, filters, a reload, the saved table, and 28,000 findings."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.curation.audit import KINDS, Audit, Finding
from mien.curation.gallery import write_gallery
from mien.data.dataset import FerDataset
from mien.data.decisions import read_decisions
from tests.service.browsers import Browser, browser

ROWS = 28_000


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not Path("/usr/bin/chromedriver").exists():
        pytest.skip("no /usr/bin/chromedriver to drive Chromium with")
    with browser(tmp_path_factory.mktemp("browser"), []) as page:
        yield page


def audit_of(count: int) -> Audit:
    """``count`` findings of falling score, the kinds in turn, networks sure of surprise."""
    kinds = [KINDS[at % len(KINDS)] for at in range(count)]
    findings = tuple(Finding(at, kind, 1 - at / count, {kind: 1 - at / count}) for at, kind in enumerate(kinds))
    return Audit(findings, {}, np.tile(np.eye(8, dtype=np.float32)[2], (count, 1)))


def grown(dataset: FerDataset, count: int) -> FerDataset:
    at = np.arange(count) % 90  # the first rows are of the training split
    per_row: dict[str, Any] = {
        n: np.asarray(getattr(dataset, n))[at] for n in ("images", "splits", "emotions", "votes")
    }
    return replace(dataset, **per_row, panel_votes=None, rows=np.arange(count, dtype=np.int32))


def press(page: Browser, keys: str) -> None:
    page.driver.switch_to.active_element.send_keys(keys)


def test_decisions_by_keyboard_survive_a_reload_and_are_saved(
    chromium: Browser, tmp_path: Path, made_dataset: FerDataset
) -> None:
    driver = chromium.driver
    write_gallery(grown(made_dataset, 80), audit_of(80), tmp_path / "gallery.html")
    driver.get((tmp_path / "gallery.html").as_uri())
    press(chromium, "adr4s")
    assert "5 decided" in driver.find_element("id", "count").text
    assert chromium.barriers() == []
    driver.refresh()
    assert "80 of 80 findings, 5 decided" in driver.find_element("id", "count").text
    driver.execute_script("document.getElementById('kind').value = 'blank'; document.getElementById('kind').onchange()")
    shown = driver.find_elements("css selector", ".row .kind")
    assert shown
    assert all("blank" in row.text for row in shown)
    table = chromium.downloads / "decisions.csv"
    chromium.one("#save").click()
    chromium.wait(table.exists)
    decisions = {d.row: d for d in read_decisions(table)}
    assert [decisions[row].action for row in range(5)] == ["accept", "drop", "relabel", "relabel", "skip"]
    assert decisions[2].votes == (0, 0, 10, 0, 0, 0, 0, 0, 0, 0)
    assert decisions[3].votes == (0, 0, 0, 10, 0, 0, 0, 0, 0, 0)
    driver.execute_script("localStorage.clear()")


def test_a_finding_of_two_kinds_is_listed_under_both_each_with_its_score(
    chromium: Browser, tmp_path: Path, made_dataset: FerDataset
) -> None:
    driver = chromium.driver
    findings = (
        Finding(0, "mislabeled", 0.9, {"mislabeled": 0.9, "ambiguous": 0.7}),
        Finding(1, "ambiguous", 0.8, {"ambiguous": 0.8}),
    )
    audit = Audit(findings, {}, np.tile(np.eye(8, dtype=np.float32)[2], (2, 1)))
    write_gallery(grown(made_dataset, 2), audit, tmp_path / "gallery.html")
    driver.get((tmp_path / "gallery.html").as_uri())
    for kind, expected in (
        ("", ["mislabeled 0.90", "ambiguous 0.80"]),
        ("ambiguous", ["ambiguous 0.80", "ambiguous 0.70"]),
    ):
        driver.execute_script(
            "const kind = document.getElementById('kind'); kind.value = arguments[0]; kind.onchange()", kind
        )
        assert [row.text for row in chromium.all(".row .kind")] == expected


def test_a_phone_decides_by_buttons_and_nothing_is_wider_than_its_screen(
    chromium: Browser, tmp_path: Path, made_dataset: FerDataset
) -> None:
    driver = chromium.driver
    write_gallery(grown(made_dataset, 80), audit_of(80), tmp_path / "gallery.html")
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    driver.get((tmp_path / "gallery.html").as_uri())
    for button in ("drop", "relabel", "accept", "undo"):  # undo takes back the next, which is open
        chromium.one(f"#{button}").click()
    driver.execute_script("const as = document.getElementById('as'); as.value = 'fear'; as.onchange()")
    assert driver.execute_script("return document.documentElement.scrollWidth") == 390
    assert driver.execute_script("return table()").splitlines()[1:] == [
        "0,drop,,looked at in the gallery",
        "1,relabel,surprise=10,looked at in the gallery",
        "2,accept,,looked at in the gallery",
        "3,relabel,fear=10,looked at in the gallery",
    ]
    for row in chromium.all(".row")[:5]:  # the decision stands below the votes and inside its row
        inside = "const r = arguments[0]; return r.scrollHeight <= r.clientHeight + 1 && r.scrollWidth <= r.clientWidth"
        assert driver.execute_script(inside, row)
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_script("localStorage.clear()")


def test_twenty_eight_thousand_findings_stay_usable(
    chromium: Browser, tmp_path: Path, made_dataset: FerDataset
) -> None:
    driver = chromium.driver
    write_gallery(grown(made_dataset, ROWS), audit_of(ROWS), tmp_path / "gallery.html")
    driver.get((tmp_path / "gallery.html").as_uri())
    # Only what is in sight exists, however long the list, and the first row stands before its pictures are read.
    assert 0 < len(driver.find_elements("css selector", ".row")) < 60
    first_row, last_sheet = driver.execute_script(
        "const h = document.documentElement.innerHTML; return [h.indexOf('id=\"list\"'), h.lastIndexOf('id=\"sheet')]"
    )
    assert first_row < last_sheet
    driver.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    deadline = time.monotonic() + 120
    painted = (
        "return [...document.querySelectorAll('.row')].map(r => [r.id, r.querySelector('canvas')"
        ".getContext('2d').getImageData(24, 24, 1, 1).data[3]])"
    )
    while time.monotonic() < deadline:
        rows = dict(driver.execute_script(painted))
        if rows.get(f"row{ROWS - 1}"):
            break
        time.sleep(0.1)
    assert rows[f"row{ROWS - 1}"] == 255  # its picture is there
    driver.execute_script("localStorage.clear()")
