"""Drawn pictures: sizes, colors and room for every face."""

import numpy as np
import pytest

from mien.expressions import FERPLUS_LABELS
from mien.geometry import Box
from mien.render.faces import FaceMark, render_boxes, render_panels

NAMES = [str(label) for label in FERPLUS_LABELS]


def faces(count: int, side: float = 20) -> list[FaceMark]:
    probabilities = dict.fromkeys(NAMES, 0.02) | {"happiness": 0.86}
    return [FaceMark(Box(side * k, 5, side * k + side, 5 + side), probabilities) for k in range(count)]


def test_boxes_keep_the_size_and_the_picture_given() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    drawn = np.asarray(render_boxes(image, faces(1, 80)))
    assert drawn.shape == image.shape
    assert (drawn[5, 40] == (0xF4, 0xB4, 0x00)).all()
    assert not image.any()


@pytest.mark.parametrize("size", [(1, 1), (48, 48), (275, 183), (3000, 20), (20, 3000), (4000, 3000)])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_picture_of_any_size_becomes_legible(size: tuple[int, int], count: int) -> None:
    drawn = render_panels(np.zeros((size[1], size[0], 3), np.uint8), faces(count, size[0] / 10))
    assert max(drawn.size) >= 640
    assert drawn.width <= 1600 + 9 * 600
    if count:
        panel = np.asarray(drawn)[:, -200:]
        assert len(np.unique(panel.reshape(-1, 3), axis=0)) > 3  # paper, letters and bars


def test_the_bars_of_a_crowd_lie_below_the_picture() -> None:
    image = np.zeros((900, 1600, 3), np.uint8)
    few, crowd = (render_panels(image, faces(count)) for count in (2, 192))
    assert few.height == 900
    assert few.width > 1600
    assert crowd.width == 1600
    orange = (np.asarray(crowd)[900:] == (0xF4, 0xB4, 0x00)).all(axis=2)
    titles = orange[:, 8::260]  # through the block at each panel's title
    assert (titles[1:] & ~titles[:-1]).sum() == 192


def test_the_bars_are_as_long_as_their_probabilities() -> None:
    face = FaceMark(Box(0, 0, 10, 10), {"happiness": 1.0, "fear": 0.5})
    pixels = np.asarray(render_panels(np.zeros((640, 640, 3), np.uint8), [face]))[:, 640:]
    bars = [(pixels == color).all(axis=2).sum(axis=1).max() for color in ((0xF4, 0xB4, 0x00), (0x94, 0x67, 0xE0))]
    assert bars[1] == pytest.approx(bars[0] / 2, abs=2)


def test_the_title_names_the_most_probable() -> None:
    assert faces(1)[0].title == "happiness 86%"


@pytest.mark.parametrize(
    ("probability", "shown"), [(0.994, "99%"), (0.996, "99%"), (0.99996, "99%"), (1.0, "100%"), (0.505, "50%")]
)
def test_only_certainty_is_a_hundred_percent(probability: float, shown: str) -> None:
    likely = FaceMark.without_box({"neutral": probability, "fear": 1 - probability})
    assert likely.title == f"neutral {shown}"
