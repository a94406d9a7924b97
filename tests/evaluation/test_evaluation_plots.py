"""The pictures open, show something, and leave no global state behind."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from mien.data.dataset import FerDataset
from mien.errors import MissingDependencyError, StorageError
from mien.evaluation import EvaluationOptions, evaluate
from mien.evaluation.plots import plot_confusion_matrix, plot_reliability, save_plots
from mien.evaluation.results import Reliability
from mien.render.plots import save_plot

from .made import PixelModel

FEW = EvaluationOptions(resamples=0)


def _texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_an_empty_confusion_matrix_is_drawn_as_zeros() -> None:
    assert set(_texts(plot_confusion_matrix(np.zeros((8, 8))))) == {"0"}
    assert set(_texts(plot_confusion_matrix(np.zeros((8, 8)), normalize=True))) == {"0.00"}


def test_a_reliability_diagram_without_images_is_drawn() -> None:
    nothing = np.zeros(15)
    assert not plot_reliability(Reliability(nothing, nothing, nothing)).patches


def test_cells_show_counts_or_shares_of_the_row() -> None:
    matrix = np.zeros((8, 8))
    matrix[0, :2] = 3, 1
    assert _texts(plot_confusion_matrix(matrix))[:2] == ["3", "1"]
    assert _texts(plot_confusion_matrix(matrix, normalize=True))[:2] == ["0.75", "0.25"]


def test_pictures_are_drawn_into_axes_that_are_given() -> None:
    left, right = Figure().subplots(1, 2)
    assert plot_confusion_matrix(np.eye(8), title="mine", ax=left) is left
    assert left.get_title() == "mine"
    bins = Reliability(np.array([0.0, 4.0]), np.array([0.0, 0.8]), np.array([0.0, 0.5]))
    assert plot_reliability(bins, ece=0.3, ax=right) is right
    assert [bar.get_height() for bar in right.patches if isinstance(bar, Rectangle)] == [0.5]
    assert len(right.patches) == 1


def test_every_picture_of_a_result_opens_and_has_content(
    model: PixelModel, dataset: FerDataset, tmp_path: Path
) -> None:
    for result in evaluate(model, dataset, protocols=("votes", "drawn"), options=FEW):
        for path, caption in save_plots(result, tmp_path / "out"):
            assert path.stem not in caption
            with Image.open(path) as picture:
                assert picture.format == "PNG"
                assert min(picture.size) > 300
                colors = picture.convert("RGB").getcolors(2**24)
                assert colors is not None
                assert len(colors) > 20
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("confusion_drawn.png", "confusion_drawn_normalized.png"),
        *("confusion_votes.png", "confusion_votes_normalized.png", "reliability_votes.png", "risk_coverage_votes.png"),
    ]


def test_a_place_that_cannot_be_written_is_named_and_nothing_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / "picture.png" / "in the way").mkdir(parents=True)
    figure = Figure()
    with pytest.raises(StorageError, match=r"cannot write .*picture\.png"):
        save_plot(figure, tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_drawing_does_not_load_pyplot_and_importing_loads_no_matplotlib() -> None:
    code = (
        "import sys, numpy as np, mien.evaluation.plots as plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plots.plot_confusion_matrix(np.eye(8))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match="matplotlib is not installed") as caught:
        plot_confusion_matrix(np.eye(8))
    assert "mien[plots]" in str(caught.value.hint)
