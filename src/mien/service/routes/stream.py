"""``WS /v1/stream``: a camera's frames in, tracked faces out; while a frame is analyzed, only the newest one waits.

client → bytes of a picture                    (frame 1, 2, 3, …)
       → {"smoothing_s": 0.5}                  (a setting, at any time)
server → {"frame": 3, "dropped": 1, "schema": 2, "timestamp_s": …, "width": …, "height": …, "faces": […]}
       → {"frame": 4, "dropped": 1, "error": "unreadable_picture", "detail": …, "hint": …}
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from mien.errors import AccessError, BusyError, LimitError, MienError, RequestError
from mien.service.engine import Engine
from mien.service.http.errors import status_and_body
from mien.service.http.security import STREAM_PROTOCOL, check_access, offered_protocols
from mien.service.inference.live import LiveCamera
from mien.service.routes.dependencies import TheOptions

router = APIRouter()

#: Close codes of RFC 6455, section 7.4.1, and of its registry.
_UNSUPPORTED, _POLICY, _TOO_LARGE, _TRY_AGAIN = 1003, 1008, 1009, 1013
#: Most characters of a text message; settings are short.
_MAX_TEXT = 200


@dataclass(slots=True)
class LatestFrame:
    """A slot for one frame; a newer frame replaces one that was not taken.

    Attributes:
        number: Number of the newest frame, from 1.
        dropped: Number of frames that were replaced.
    """

    number: int = 0
    dropped: int = 0
    _content: bytes | None = None
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, content: bytes) -> None:
        """Store ``content`` as the newest frame."""
        self.dropped += self._content is not None
        self.number += 1
        self._content = content
        self._arrived.set()

    async def take(self) -> tuple[int, bytes]:
        """Number and content of the newest frame, as soon as there is one."""
        await self._arrived.wait()
        self._arrived.clear()
        content, self._content = self._content or b"", None
        return self.number, content


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, options: TheOptions) -> None:
    """Analyze frames until the client disconnects, is silent for too long, or sends something invalid."""
    engine: Engine = socket.app.state.engine
    own = STREAM_PROTOCOL if STREAM_PROTOCOL in offered_protocols(socket) else None
    await socket.accept(subprotocol=own)  # browsers show a page the reason of a refusal only after the handshake
    try:
        client = check_access(socket, engine.settings)
        with engine.streams.slot(client), engine.metrics.streams.track_inprogress():
            await _converse(socket, engine, LiveCamera(engine.reader, client, engine.reader.pipeline_for(options)))
    except MienError as err:
        codes = {AccessError: _POLICY, BusyError: _TRY_AGAIN, LimitError: _TOO_LARGE}
        with suppress(WebSocketDisconnect, RuntimeError):  # it may be closed already
            await socket.send_json(status_and_body(err)[1])
            await socket.close(codes.get(type(err), _UNSUPPORTED), str(err)[:100])


async def _converse(socket: WebSocket, engine: Engine, camera: LiveCamera) -> None:
    """Receive and answer concurrently, until one of both ends."""
    frames = LatestFrame()
    tasks = [
        asyncio.create_task(_receive(socket, frames, camera, engine)),
        asyncio.create_task(_answer(socket, frames, camera, engine)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what ended it
    except (WebSocketDisconnect, TimeoutError, RuntimeError):  # Starlette raises RuntimeError on a closed socket
        with suppress(RuntimeError):
            await socket.close()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        engine.metrics.frames.labels("dropped").inc(frames.dropped)


async def _receive(socket: WebSocket, frames: LatestFrame, camera: LiveCamera, engine: Engine) -> None:
    limit = engine.settings.max_frame_bytes
    while True:
        message = await asyncio.wait_for(socket.receive(), engine.settings.request_timeout_s)
        if message["type"] == "websocket.disconnect":
            return
        content = message.get("bytes")
        if content is None:
            camera.smoothing_s = _smoothing_of(message.get("text") or "")
        elif len(content) > limit:
            raise LimitError(f"a frame of {len(content):,} bytes, expected at most {limit:,}")
        else:
            frames.put(content)


def _smoothing_of(text: str) -> float:
    """The time constant in a text message.

    Raises:
        RequestError: The message is something else.
    """
    try:
        record = json.loads(text) if len(text) <= _MAX_TEXT else None
    except (ValueError, RecursionError):
        record = None
    seconds = record.get("smoothing_s") if isinstance(record, dict) and len(record) == 1 else None
    # bool is a kind of int, and NaN passes no comparison.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 60:
        hint = 'send each frame as a JPEG, or {"smoothing_s": 0.3}'
        raise RequestError("expected bytes of a picture or the setting smoothing_s, got other text", hint=hint)
    return float(seconds)


async def _answer(socket: WebSocket, frames: LatestFrame, camera: LiveCamera, engine: Engine) -> None:
    while True:
        number, content = await frames.take()
        body: dict[str, Any] = {"frame": number, "dropped": frames.dropped}
        try:
            body |= await camera.read(number, content)
        except MienError as err:  # one bad frame does not end the stream
            body |= status_and_body(err)[1]
        engine.metrics.frames.labels("failed" if "error" in body else "read").inc()
        await asyncio.wait_for(socket.send_json(body), engine.settings.request_timeout_s)
