"""A client of ``/v1/video``: sends a video and waits for what becomes of it."""

import time
from typing import Any

import httpx

from mien.service.schemas import JobSchema
from tests.service.servers import Server


def submit(server: Server, content: bytes, name: str = "clip.mp4") -> str:
    response = httpx.post(f"{server.url}/v1/video", params={"name": name}, content=content)
    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/video/{response.json()['id']}"
    return f"{server.url}{response.headers['location']}"


def wait(job: str, *phases: str, at_least: float = 0.0) -> dict[str, Any]:
    for _ in range(6000):
        record: dict[str, Any] = httpx.get(job).json()
        if record["phase"] in phases and record["progress"] >= at_least:
            JobSchema.model_validate(record)
            return record
        time.sleep(0.05)
    raise TimeoutError(record)
