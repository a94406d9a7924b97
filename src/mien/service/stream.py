"""``WS /v1/stream``: a camera's frames in, results out; while one is being read, only the newest waits.

client → bytes of a picture                    (frame 1, 2, 3, …)
server → {"frame": 3, "dropped": 1, "schema": 1, "width": …, "height": …, "faces": […]}
       → {"frame": 4, "dropped": 1, "error": "unreadable_picture", "detail": …, "hint": …}
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from mien.errors import AccessError, BusyError, LimitError, MienError, RequestError
from mien.recognition.results import FailedImage
from mien.service.access import STREAM_PROTOCOL, check_access, offered_protocols
from mien.service.engine import Engine
from mien.service.problems import problem
from mien.service.reading import Upload

router = APIRouter()

#: Close codes of RFC 6455, section 7.4.1, and of its registry.
_UNSUPPORTED, _POLICY, _TOO_LARGE, _TRY_AGAIN = 1003, 1008, 1009, 1013


@dataclass(slots=True)
class LatestFrame:
    """A place for one frame: a newer one replaces what was not taken.

    Attributes:
        number: Of the newest frame that came, from 1.
        dropped: Frames that were replaced.
    """

    number: int = 0
    dropped: int = 0
    _content: bytes | None = None
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, content: bytes) -> None:
        """Lay ``content`` there."""
        self.dropped += self._content is not None
        self.number += 1
        self._content = content
        self._came.set()

    async def take(self) -> tuple[int, bytes]:
        """Number and content of the newest frame, as soon as there is one."""
        await self._came.wait()
        self._came.clear()
        content, self._content = self._content or b"", None
        return self.number, content


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """Read frames until the client leaves, falls silent, or breaks a rule."""
    engine: Engine = socket.app.state.engine
    own = STREAM_PROTOCOL if STREAM_PROTOCOL in offered_protocols(socket) else None
    await socket.accept(subprotocol=own)
    try:
        check_access(socket, engine.settings)
        with engine.streams.one(), engine.metrics.streams.track_inprogress():
            await _converse(socket, engine)
    except MienError as err:
        codes = {AccessError: _POLICY, BusyError: _TRY_AGAIN, LimitError: _TOO_LARGE}
        with suppress(WebSocketDisconnect, RuntimeError):
            await socket.send_json(problem(err)[1])
            await socket.close(codes.get(type(err), _UNSUPPORTED), str(err)[:100])


async def _converse(socket: WebSocket, engine: Engine) -> None:
    """Receive and answer side by side; the first that ends, ends both."""
    frames = LatestFrame()
    sides = [
        asyncio.create_task(_receive(socket, frames, engine)),
        asyncio.create_task(_answer(socket, frames, engine)),
    ]
    try:
        done, _ = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        for side in done:
            side.result()
    except (WebSocketDisconnect, TimeoutError, RuntimeError):
        with suppress(RuntimeError):
            await socket.close()
    finally:
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
        engine.metrics.frames.labels("dropped").inc(frames.dropped)


async def _receive(socket: WebSocket, frames: LatestFrame, engine: Engine) -> None:
    while True:
        message = await asyncio.wait_for(socket.receive(), engine.settings.request_timeout_s)
        if message["type"] == "websocket.disconnect":
            return
        content = message.get("bytes")
        if content is None:
            raise RequestError("expected bytes of a picture, got text", hint="send each frame as a JPEG")
        if len(content) > engine.settings.max_frame_bytes:
            raise LimitError(f"a frame of {len(content):,} bytes, expected at most {engine.settings.max_frame_bytes:,}")
        frames.put(content)


async def _answer(socket: WebSocket, frames: LatestFrame, engine: Engine) -> None:
    while True:
        number, content = await frames.take()
        body: dict[str, Any] = {"frame": number, "dropped": frames.dropped}
        try:
            (outcome,) = await engine.reader.read([Upload("frame", content)])
        except MienError as err:
            body |= problem(err)[1]
        else:
            body |= problem(outcome.error)[1] if isinstance(outcome, FailedImage) else outcome.to_dict()
        engine.metrics.frames.labels("failed" if "error" in body else "read").inc()
        await asyncio.wait_for(socket.send_json(body), engine.settings.request_timeout_s)
