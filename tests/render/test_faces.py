"""Rendered pictures: sizes, colors, and labels that cover nothing."""

import numpy as np
import pytest

from mien.expressions import FERPLUS_LABELS
from mien.geometry import Box
from mien.render.faces import LINE_STYLES, FaceMark, LineStyle, face_labels, render_boxes, track_line
from mien.render.panels import render_panels

NAMES = [str(label) for label in FERPLUS_LABELS]
ORANGE = (0xF4, 0xB4, 0x00)


def faces(count: int, side: float = 20) -> list[FaceMark]:
    probabilities = dict.fromkeys(NAMES, 0.02) | {"happiness": 0.86}
    return [FaceMark(Box(side * k, 5, side * k + side, 5 + side), probabilities) for k in range(count)]


def overlap(one: Box, other: Box) -> bool:
    apart = one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top
    return not apart


def test_boxes_keep_the_size_and_the_picture_given() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    rendered = np.asarray(render_boxes(image, faces(1, 80)))
    assert rendered.shape == image.shape
    assert (rendered[84, 70] == ORANGE).all()
    assert not image.any()


@pytest.mark.parametrize("size", [(1, 1), (48, 48), (275, 183), (3000, 20), (20, 3000), (4000, 3000)])
@pytest.mark.parametrize("count", [0, 1, 9, 40])
def test_a_picture_of_any_size_becomes_legible(size: tuple[int, int], count: int) -> None:
    rendered = render_panels(np.zeros((size[1], size[0], 3), np.uint8), faces(count, size[0] / 10))
    assert max(rendered.size) >= 640
    assert rendered.width <= 1600 + 9 * 600
    if count:
        assert len(rendered.getcolors(2**24) or ()) > 3  # paper, letters and bars


def test_a_crowd_gets_numbers_and_a_legend_below_the_picture() -> None:
    image = np.zeros((900, 1600, 3), np.uint8)
    few, crowd = (render_panels(image, faces(count)) for count in (2, 192))
    assert few.width > 1600
    assert crowd.width == 1600
    orange = (np.asarray(crowd)[-(crowd.height - 900) :] == ORANGE).all(axis=2)
    swatches = orange[:, 18 :: 31 * 11]  # through the block before each number
    assert (swatches[1:] & ~swatches[:-1]).sum() == 192


@pytest.mark.parametrize("seed", range(8))
def test_labels_cover_no_face_and_no_other_label_and_are_of_one_form(seed: int) -> None:
    rng = np.random.default_rng(seed)
    marks = []
    for row in range(4):
        for column in range(6):
            left, top = column * 200 + rng.uniform(0, 40), row * 190 + rng.uniform(40, 60)
            side = rng.uniform(60, 110)
            probabilities = dict(zip(NAMES, rng.dirichlet(np.ones(8)).tolist(), strict=True))
            marks.append(FaceMark(Box(left, top, left + side, top + side), probabilities))
    labels = face_labels((1200, 800), marks)
    assert len({label.text.isdigit() for label in labels}) == 1
    for place, label in enumerate(labels):
        assert not any(overlap(label.box, mark.box) for mark in marks)
        assert not any(overlap(label.box, other.box) for other in labels[:place])
        assert label.box.left >= 0
        assert label.box.right <= 1200
        assert label.box.top >= 0
        assert label.box.bottom <= 800


def test_one_label_without_room_makes_all_of_them_numbers() -> None:
    apart = [FaceMark(Box(x, 100, x + 60, 160), dict.fromkeys(NAMES, 0.125)) for x in (100, 500)]
    close = [FaceMark(Box(100 + 30 * k, 100, 130 + 30 * k, 160), dict.fromkeys(NAMES, 0.125)) for k in range(12)]
    assert [label.text for label in face_labels((800, 300), apart)] == ["1 neutral 12%", "2 neutral 12%"]
    assert [label.text for label in face_labels((800, 300), close)] == [str(k) for k in range(1, 13)]


def test_a_face_that_fills_the_picture_gets_its_label_above_it() -> None:
    image = np.full((640, 640, 3), 90, np.uint8)
    rendered = np.asarray(render_panels(image, [FaceMark(Box(0, 0, 640, 640), dict.fromkeys(NAMES, 0.125))]))
    assert rendered.shape[0] > 640
    inside = rendered[-600:-40, 40:600]
    assert (inside == 90).all()


def test_tracks_are_told_apart_by_the_line_and_colors_are_those_of_expressions() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    shares = []
    for number, style in enumerate(LINE_STYLES, start=1):
        assert track_line(number) == track_line(number + len(LINE_STYLES)) == style
        mark = FaceMark(Box(50, 100, 250, 280), {"happiness": 1.0}, number, style)
        rendered = np.asarray(render_boxes(image, [mark]))
        colors = {tuple(color) for color in rendered[279:281, 60:240].reshape(-1, 3).tolist()}
        assert colors <= {ORANGE, (0, 0, 0)}
        shares.append((rendered[280, 50:250] == ORANGE).all(axis=1).mean())
    assert shares[0] == 1
    assert all(0.4 < share < 0.9 for share in shares[1:])


def test_the_bars_are_as_long_as_their_probabilities() -> None:
    face = FaceMark(Box(0, 0, 10, 10), {"happiness": 1.0, "fear": 0.5})
    pixels = np.asarray(render_panels(np.zeros((640, 640, 3), np.uint8), [face]))[:, 640:]
    bars = [(pixels == color).all(axis=2).sum(axis=1).max() for color in (ORANGE, (0x94, 0x67, 0xE0))]
    assert bars[1] == pytest.approx(bars[0] / 2, abs=2)


def test_the_title_names_the_most_probable() -> None:
    assert faces(1)[0].title == "happiness 86%"


@pytest.mark.parametrize(
    ("probability", "shown"), [(0.994, "99%"), (0.996, "99%"), (0.99996, "99%"), (1.0, "100%"), (0.505, "50%")]
)
def test_only_certainty_is_a_hundred_percent(probability: float, shown: str) -> None:
    likely = FaceMark.without_box({"neutral": probability, "fear": 1 - probability})
    assert likely.title == f"neutral {shown}"


@pytest.mark.parametrize("line", LINE_STYLES)
def test_a_box_of_any_width_is_outlined_in_every_line_style(line: LineStyle) -> None:
    for width in np.arange(0, 90, 0.37):  # the last stroke of a dashed line may be shorter than a pixel
        box = Box(3.3, 4.1, 3.3 + width, 4.1 + width / 2)
        rendered = render_boxes(np.zeros((60, 120, 3), np.uint8), [FaceMark(box, {"happiness": 1.0}, line=line)])
        assert rendered.size == (120, 60)
