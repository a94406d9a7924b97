"""What is shipped for deployment: limits that fit the memory they get, and figures that the documents share."""

import re
from pathlib import Path
from typing import Any

import pytest

from mien.service.settings import ServiceSettings, read_settings
from tests.conftest import REPOSITORY

UNIT, IMAGE = REPOSITORY / "deploy" / "mien.service", REPOSITORY / "deploy" / "Containerfile"
DEPLOY = (REPOSITORY / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
#: Of the costliest format, WebP; of the process that has read nothing yet, with its four workers for decoding.
BYTES_A_PIXEL, PROCESS_BYTES = 17, 480e6


@pytest.mark.parametrize("path", [UNIT, IMAGE], ids=lambda path: path.name)
def test_the_limits_fit_the_memory(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.search(r"MemoryMax=(\d+)G|--memory (\d+)g", text)
    assert found
    memory = int(found[1] or found[2]) * 2**30
    given: dict[str, Any] = {
        name.lower(): int(value) for name, value in re.findall(r"MIEN_([A-Z_]+)=(\d+)(?![.\d])", text)
    }
    settings = ServiceSettings(**given)
    decoding = settings.concurrency * settings.max_pixels * BYTES_A_PIXEL
    bodies = settings.max_in_flight * settings.max_body_bytes
    assert decoding + bodies + PROCESS_BYTES < memory


def test_the_container_is_run_with_the_memory_it_is_made_for() -> None:
    assert "--memory 3g" in DEPLOY
    assert "--memory 3g" in IMAGE.read_text(encoding="utf-8")


def test_the_unit_waits_longer_than_requests_and_videos_may_take_to_end() -> None:
    found = re.search(r"TimeoutStopSec=(\d+)", UNIT.read_text(encoding="utf-8"))
    assert found
    assert int(found[1]) > read_settings([]).drain_timeout_s + 10


def test_the_proxy_keeps_the_metrics_inside() -> None:
    block = DEPLOY.split("```nginx")[1].split("```")[0]
    assert "location = /metrics { return 404; }" in block
    assert "respond /metrics 404" in DEPLOY
