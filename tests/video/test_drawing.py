"""What is drawn on frames: nothing hides the name of a face."""

import numpy as np

from mien.detection.base import FaceDetection
from mien.expressions import FERPLUS_LABELS
from mien.geometry import Box
from mien.recognition.results import ExpressionProbabilities
from mien.render.faces import FaceMark, face_labels, render_boxes, track_line
from mien.render.style import EXPRESSION_COLORS, rgb
from mien.video.results import FrameResult, TrackedFace

SCORES = ExpressionProbabilities(FERPLUS_LABELS, (0.9, 0.04, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01))


def test_the_bars_of_a_face_do_not_hide_the_name_of_its_neighbor() -> None:
    boxes = [Box(400, 100, 560, 260), Box(640, 260, 800, 420)]  # the bars would end on the second one's name
    faces = tuple(
        TrackedFace(FaceDetection(box, 0.9), SCORES, number, raw_probabilities=SCORES)
        for number, box in enumerate(boxes, start=1)
    )
    picture = np.full((720, 1280, 3), 200, np.uint8)
    drawn = np.asarray(FrameResult(0, 0.0, (1280, 720), faces, image=picture).plot())
    tag = face_labels((1280, 720), [face.mark() for face in faces])[1].box
    edge = drawn[int(tag.top) + 1, int(tag.left) + 1 : int(tag.right) - 1]
    assert (edge == rgb(EXPRESSION_COLORS["neutral"])).all()


def test_a_doubtful_face_is_drawn_without_a_name() -> None:
    box, picture = Box(40, 60, 240, 260), np.full((300, 640, 3), 200, np.uint8)
    face = TrackedFace(FaceDetection(box, 0.9), SCORES, 1, min_confidence=0.95, raw_probabilities=SCORES)
    unnamed = FaceMark(box, SCORES.to_dict(), 1, track_line(1), named=False)
    tag = face_labels((640, 300), [unnamed])[0].box
    place = slice(int(tag.top), int(tag.bottom)), slice(int(tag.left), int(tag.right))
    drawn = np.asarray(FrameResult(0, 0.0, (640, 300), (face,), image=picture).plot())
    assert np.array_equal(drawn[place], np.asarray(render_boxes(picture, [unnamed]))[place])
