"""The picture of an explanation: its colors mean what its scale says."""

import numpy as np

from mien.render.explanation import render_explanation
from mien.render.faces import FaceMark
from mien.render.style import AGAINST, FAVOR, rgb

FACE = FaceMark.without_box({"neutral": 0.25, "happiness": 0.75})


def nearest(pixels: np.ndarray, color: str) -> float:
    """Least distance of a pixel to a color."""
    return float(np.abs(pixels.reshape(-1, 3).astype(int) - rgb(color)).sum(axis=1).min())


def test_the_scale_runs_from_against_to_for_below_the_face() -> None:
    importance = np.zeros((48, 48), np.float32)
    importance[:10, :10], importance[-10:, -10:] = 0.3, -0.1
    picture = np.asarray(render_explanation(np.full((48, 48), 0.5, np.float32), importance, FACE, "happiness"))
    ramp = picture[300:305, 288:576].astype(int).mean(axis=0)  # (288, 3), the middle of the scale
    assert ramp[15, 2] > ramp[15, 0] + 40  # blue at its left
    assert ramp[-15, 0] > ramp[-15, 2] + 40  # red at its right
    assert np.ptp(ramp[144]) < 12  # gray in the middle
    overlay = picture[:288, 288:576]
    assert nearest(overlay[:50, :50], FAVOR) < nearest(overlay[-50:, -50:], FAVOR)
    assert nearest(overlay[-50:, -50:], AGAINST) < nearest(overlay[:50, :50], AGAINST)


def test_a_face_that_nothing_speaks_for_is_gray() -> None:
    picture = np.asarray(
        render_explanation(np.full((48, 48), 0.5, np.float32), np.zeros((48, 48), np.float32), FACE, "neutral")
    )
    assert (np.ptp(picture[:288, :576], axis=2) == 0).all()
