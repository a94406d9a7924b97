"""Analyzing one frame after the other: detect if it is due, follow the faces, recognize and smooth their expressions.

    frame → schedule → pass → detector → faces ┐
                     └ no pass → motion → faces ┴→ crops → network → smoothing → result

It does not know where frames come from or where results go.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from mien.detection.base import MAX_IOU, FaceDetection, FollowingDetector, in_reading_order, moved
from mien.geometry import ByteArray, FloatArray, iou
from mien.json_object import JsonObject
from mien.recognition.pipeline import ExpressionPipeline
from mien.recognition.probabilities import ExpressionProbabilities
from mien.video.clock import StageClock
from mien.video.results import FrameResult, TrackedFace
from mien.video.settings import VideoSettings
from mien.video.sources.base import VideoFrame
from mien.video.tracking.schedule import DetectionPass, PassSchedule
from mien.video.tracking.smoothing import Smoother
from mien.video.tracking.tracker import Tracker

#: A face that a pass missed is searched for once more in a region of this many face sizes around its expected place.
_AROUND = 3.0


class FrameAnalyzer:
    """Turns frames, given in order, into results; its state does not grow with their number.

    Args:
        pipeline: Detector and network.
        settings: How often the detector runs, and how much is smoothed.
        clock: Takes the time of each stage; None makes a new one.

    Attributes:
        pipeline: As given.
        settings: As given.
        clock: Seconds spent in each stage so far.
    """

    def __init__(self, pipeline: ExpressionPipeline, settings: VideoSettings, clock: StageClock | None = None) -> None:
        self.pipeline, self.settings, self.clock = pipeline, settings, clock or StageClock()
        self._schedule = PassSchedule(every=settings.detect_every, max_gap_s=settings.max_gap_s)
        self._tracker = Tracker(max_lost_s=settings.max_lost_s)
        self._smoother = Smoother(settings.smoothing_s)

    def analyze(self, frame: VideoFrame) -> FrameResult:
        """The faces of the next frame."""
        with self.clock.stage("schedule"):
            kind = self._schedule.decide(frame.image, frame.timestamp_s)
        if kind is DetectionPass.NONE:
            ids, faces = self._predicted(frame)
            crops = self._crops(frame.image, faces)
        else:
            faces = self._detect(frame, kind)
            crops = self._crops(frame.image, faces)  # tracking compares them, so they come before it
            with self.clock.stage("track"):
                ids = self._follow(faces, crops, frame.timestamp_s, after_cut=kind is DetectionPass.AFTER_CUT)
        read = self._recognize(crops, ids, faces, frame.timestamp_s, detected=kind is not DetectionPass.NONE)
        height, width = frame.image.shape[:2]  # (H, W, 3)
        return FrameResult(
            frame.index, frame.timestamp_s, (width, height), read, frame.image, frame.captured_s, frame.damaged
        )

    def _detect(self, frame: VideoFrame, kind: DetectionPass) -> tuple[FaceDetection, ...]:
        """All faces of a pass: those of the frame, and missed ones that a search around their expected place finds."""
        with self.clock.stage("detect"):
            expected = [face for _, face in self._tracker.expected(frame.timestamp_s)]
            faces = self._detect_in_frame(frame.image, expected, kind)
            for face in expected:
                if all(not _same(face, other) for other in faces):
                    faces += self._search_around(frame.image, face, faces)
        return in_reading_order(faces)

    def _detect_in_frame(
        self, image: ByteArray, expected: list[FaceDetection], kind: DetectionPass
    ) -> list[FaceDetection]:
        detector = self.pipeline.detector
        # A user who fixes the rhythm of passes gets the detector's full search in each of them.
        is_anew = kind is DetectionPass.AFTER_CUT or not self._tracker.tracks or self.settings.detect_every is not None
        if is_anew or not isinstance(detector, FollowingDetector):
            return list(detector.detect(image))
        return list(detector.detect_again(image, expected, closer=kind is DetectionPass.FULL))

    def _search_around(
        self, image: ByteArray, expected: FaceDetection, others: list[FaceDetection]
    ) -> list[FaceDetection]:
        """The expected face where a search in its surroundings finds it, else nothing; ``others`` are known already."""
        reach, (x, y) = expected.box.width * _AROUND / 2, expected.box.center
        inside = expected.box.clipped(image.shape[1], image.shape[0])
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        region = image[top : max(0, int(y + reach)), left : max(0, int(x + reach))]  # (h, w, 3)
        if min(region.shape[:2]) < 2 or inside.area < expected.box.area / 2:  # it has left the picture
            return []
        found = (moved(face, left, top) for face in self.pipeline.detector.detect(np.ascontiguousarray(region)))
        return [face for face in found if _same(face, expected) and not any(_same(face, other) for other in others)][:1]

    def _follow(
        self, faces: tuple[FaceDetection, ...], crops: list[FloatArray], time_s: float, *, after_cut: bool
    ) -> list[int]:
        """Track numbers of the detected faces; the schedule adapts to how well they were predicted."""
        before = dict(self._tracker.expected(time_s))
        ids = self._tracker.update(faces, crops, time_s, after_cut=after_cut)
        is_same_set = before.keys() == set(ids)  # no face came or went
        fits = (iou(before[track_id].box, face.box) for track_id, face in zip(ids, faces, strict=True))
        self._schedule.judge(min(fits, default=1.0) if is_same_set else 0.0)
        self._smoother.forget(but={track.track_id for track in self._tracker.tracks})
        return ids

    def _predicted(self, frame: VideoFrame) -> tuple[list[int], tuple[FaceDetection, ...]]:
        """The followed faces where their motion takes them, if their center is in the picture."""
        height, width = frame.image.shape[:2]
        with self.clock.stage("track"):
            expected = [
                (face, track_id)
                for track_id, face in self._tracker.expected(frame.timestamp_s)
                if 0 <= face.box.center[0] < width and 0 <= face.box.center[1] < height
            ]
        faces = in_reading_order(face for face, _ in expected)
        number = {id(face): track_id for face, track_id in expected}  # by identity: two boxes may be equal
        return [number[id(face)] for face in faces], faces

    def _crops(self, image: ByteArray, faces: tuple[FaceDetection, ...]) -> list[FloatArray]:
        with self.clock.stage("crop"):
            return [self.pipeline.crop(image, face) for face in faces]

    def _recognize(
        self,
        crops: list[FloatArray],
        ids: list[int],
        faces: tuple[FaceDetection, ...],
        time_s: float,
        *,
        detected: bool,
    ) -> tuple[TrackedFace, ...]:
        recognizer = self.pipeline.recognizer
        size, labels = recognizer.metadata.input.size, recognizer.labels
        with self.clock.stage("recognize"):
            # reshape: without faces the list is empty, and the network still wants (0, size, size).
            rows = recognizer.predict_proba(np.array(crops, np.float32).reshape(-1, size, size))  # (N, classes)
        read = []
        for face, track_id, row in zip(faces, ids, rows, strict=True):
            raw = ExpressionProbabilities.from_row(labels, row)
            mean = self._smoother.smoothed(track_id, np.array(raw.row), time_s)  # (classes,)
            smoothed = replace(raw, row=tuple(mean.tolist()))
            least, rule = self.pipeline.min_confidence, recognizer.decision
            read.append(TrackedFace(face, smoothed, track_id, least, rule, raw_probabilities=raw, detected=detected))
        return tuple(read)

    def to_dict(self) -> dict[str, Any]:
        """The state between two frames as plain numbers, exact."""
        return {
            "schedule": self._schedule.to_dict(),
            "tracker": self._tracker.to_dict(),
            "smoother": self._smoother.to_dict(),
        }

    def restore(self, record: JsonObject) -> None:
        """Continue from what :meth:`to_dict` gave, with the results of a run that was never interrupted.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: It is not that.
        """
        self._schedule.restore(record["schedule"])
        self._tracker.restore(record["tracker"])
        self._smoother.restore(record["smoother"], classes=len(self.pipeline.recognizer.labels))


def _same(first: FaceDetection, second: FaceDetection) -> bool:
    return iou(first.box, second.box) > MAX_IOU
