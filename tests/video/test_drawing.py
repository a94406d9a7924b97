"""What is drawn on frames: nothing hides the name of a face, and labels keep their form."""

import numpy as np
import numpy.typing as npt

from mien.detection.base import FaceDetection
from mien.expressions import FERPLUS_LABELS
from mien.geometry import Box
from mien.recognition.probabilities import ExpressionProbabilities
from mien.render.faces import FaceMark, face_labels, render_boxes, track_line
from mien.render.style import EXPRESSION_COLORS, rgb
from mien.video.drawing import FrameRenderer
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


def marks(count: int, step: float, first: int = 1) -> list[FaceMark]:
    """Faces of 60 pixels in a row from left to right, a step apart."""
    boxes = [Box(40 + step * k, 100, 100 + step * k, 160) for k in range(count)]
    return [FaceMark(box, SCORES.to_dict(), number) for number, box in enumerate(boxes, start=first)]


def drawn_label(drawn: npt.NDArray[np.uint8], mark: FaceMark) -> int:
    """How many pixels of the label's color lie side by side above the box of a face."""
    row = drawn[round(mark.box.top) - 4, round(mark.box.left) :]
    return int(np.argmin((row == rgb(EXPRESSION_COLORS["neutral"])).all(axis=-1)))


def test_a_label_that_became_a_number_stays_one_in_later_frames() -> None:
    picture, renderer = np.full((300, 1280, 3), 200, np.uint8), FrameRenderer()
    apart, close = marks(2, 600, first=6), marks(8, 62)
    before = np.asarray(renderer.render(picture, apart))
    assert drawn_label(before, apart[0]) > 100  # name and percent
    renderer.render(picture, close)
    after = np.asarray(renderer.render(picture, apart))
    fresh = np.asarray(FrameRenderer().render(picture, apart))
    assert np.array_equal(before, fresh)
    assert not np.array_equal(after, fresh)
    assert min(drawn_label(after, mark) for mark in apart) < 60


def test_in_a_crowd_all_labels_are_numbers_and_cover_no_face() -> None:
    picture, faces = np.full((300, 1280, 3), 200, np.uint8), marks(18, 64)
    drawn = np.asarray(FrameRenderer().render(picture, faces))
    for face in faces:
        box = face.box
        inside = drawn[round(box.top) + 6 : round(box.bottom) - 5, round(box.left) + 6 : round(box.right) - 5]
        assert (inside == 200).all()
        assert drawn_label(drawn, face) < 60
