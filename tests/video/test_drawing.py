"""What is drawn on frames: nothing hides the name of a face."""

import numpy as np
from PIL import Image

from mien.detection.base import FaceDetection
from mien.expressions import FERPLUS_LABELS
from mien.geometry import Box
from mien.recognition.drawing import DrawnFace, tag_box
from mien.recognition.results import ExpressionScores
from mien.video.drawing import draw_frame, track_colour
from mien.video.results import FrameResult, TrackedFace

SCORES = ExpressionScores(FERPLUS_LABELS, (0.9, 0.04, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01))


def test_the_bars_of_a_face_do_not_hide_the_name_of_its_neighbour() -> None:
    boxes = [Box(400, 100, 560, 260), Box(640, 260, 800, 420)]  # the bars would end on the second one's name
    faces = tuple(
        TrackedFace(FaceDetection(box, 0.9), SCORES, number, raw_scores=SCORES)
        for number, box in enumerate(boxes, start=1)
    )
    picture = np.full((720, 1280, 3), 200, np.uint8)
    drawn = draw_frame(FrameResult(0, 0.0, (1280, 720), faces, image=picture))
    tag = tag_box(Image.fromarray(picture), DrawnFace(boxes[1], SCORES.to_dict(), 2), 2)
    edge = drawn[int(tag.top) + 1, int(tag.left) + 1 : int(tag.right) - 1]
    assert (edge == tuple(bytes.fromhex(track_colour(2)[1:]))).all()
