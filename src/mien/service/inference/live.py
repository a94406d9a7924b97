"""A client's camera: frames are analyzed as by ``mien webcam``, with tracks and smoothed probabilities."""

from time import monotonic
from typing import Any

from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.results import RESULT_SCHEMA
from mien.service.http.limits import Client
from mien.service.inference.reader import ImageReader
from mien.service.inference.upload import Upload
from mien.video.analyzer import FrameAnalyzer
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sources.base import VideoFrame

_NAME = "frame"


class LiveCamera:
    """The analyzer of one camera; frames are given one after the other.

    Args:
        reader: Its pool decodes and analyzes the frames.
        client: Owner of the camera.
        pipeline: From the reader, with the client's options.

    Attributes:
        smoothing_s: Time constant of the smoothing; it can be changed at any time.
    """

    def __init__(self, reader: ImageReader, client: Client, pipeline: ExpressionPipeline) -> None:
        self._reader, self._client, self._pipeline, self._start_s = reader, client, pipeline, monotonic()
        self._analyzer, self._size = FrameAnalyzer(pipeline, VideoSettings()), (0, 0)
        self.smoothing_s = self._analyzer.settings.smoothing_s

    async def read(self, number: int, content: bytes) -> dict[str, Any]:
        """The faces of the next frame, as plain numbers and strings.

        Args:
            number: Number of the frame.
            content: The encoded picture.

        Raises:
            ImageDecodeError: It is not a picture of an accepted format and size; tracks are kept.
            LimitError: It shows too many faces.
            OverdueError: It took too long.
        """
        timestamp_s = monotonic() - self._start_s  # of the arrival: browsers do not state the time of capture
        result = await self._reader.call(lambda: self._analyze(number, timestamp_s, content), self._client)
        width, height = result.size
        faces = [face.to_dict() for face in result.faces]
        return {
            "schema": RESULT_SCHEMA,
            "source": _NAME,
            "timestamp_s": timestamp_s,
            "width": width,
            "height": height,
            "faces": faces,
        }

    def _analyze(self, number: int, timestamp_s: float, content: bytes) -> FrameResult:
        image = self._reader.decode(Upload(_NAME, content))  # (H, W, 3)
        size = (image.shape[1], image.shape[0])
        if size != self._size:  # a phone was turned: positions in the old picture are meaningless in the new one
            self._analyzer, self._size = FrameAnalyzer(self._pipeline, self._settings()), size
        elif self.smoothing_s != self._analyzer.settings.smoothing_s:
            before, self._analyzer = self._analyzer, FrameAnalyzer(self._pipeline, self._settings())
            self._analyzer.restore(before.to_dict())  # tracks and means continue with the new time constant
        return self._analyzer.analyze(VideoFrame(number, timestamp_s, image))

    def _settings(self) -> VideoSettings:
        return VideoSettings(smoothing_s=self.smoothing_s)
