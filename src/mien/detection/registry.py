"""The detectors by name: the one list that the command line, the library and its errors read.

It makes none until asked, so that an absent extra matters only to who wants it.
"""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from mien.detection.base import Detector
from mien.detection.blazeface import BLAZEFACE_TRAITS, BlazeFace
from mien.detection.haar import HaarCascade
from mien.detection.multiscale import MultiscaleDetector
from mien.detection.whole import WholePicture
from mien.detection.yunet import YuNet
from mien.errors import ConfigError, UnknownDetectorError

_WITHOUT_FILE = ("haar", "whole")

#: The detector that is used where none is named.
DEFAULT_DETECTOR = "blazeface"


def build_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    file: Path | None = None,
    min_score: float | None = None,
    threads: int | None = None,
) -> Detector:
    """The detector called ``name``.

    Args:
        name: One of :func:`list_detectors`.
        file: The ONNX file of ``yunet``; ``blazeface`` takes another than the shipped one if given.
        min_score: Confidence in [0, 1] below which faces are left out; None takes the detector's own default.
        threads: Threads within one call of the detector's network; None leaves it to the engine.

    Raises:
        UnknownDetectorError: There is no such detector; near names are given.
        ConfigError: ``yunet`` without a file, a file for one that takes none, or ``min_score`` out of range.
        MissingDependencyError: ``haar`` without OpenCV.
        ModelFileError: The file cannot be read.
    """
    if name not in _BUILDERS:
        near = get_close_matches(name, _BUILDERS) or list_detectors()
        raise UnknownDetectorError(f"no detector {name!r}; did you mean {', '.join(near)}?")
    if min_score is not None and not 0 <= min_score <= 1:
        raise ConfigError(f"min_score is {min_score}, expected a number in [0, 1]")
    if file is not None and name in _WITHOUT_FILE:
        raise ConfigError(f"the detector {name} takes no file, got {file}", hint="--detector-file belongs to yunet")
    return _BUILDERS[name](file, min_score, threads)


def list_detectors() -> tuple[str, ...]:
    """Names of all detectors."""
    return tuple(sorted(_BUILDERS))


def _blazeface(file: Path | None, min_score: float | None, threads: int | None) -> Detector:
    confident = BLAZEFACE_TRAITS.min_score if min_score is None else min_score
    looker = BlazeFace(min_score=min(BLAZEFACE_TRAITS.doubtful_score, confident), path=file, threads=threads)
    return MultiscaleDetector(looker, BLAZEFACE_TRAITS, min_score=confident)


def _haar(file: Path | None, min_score: float | None, threads: int | None) -> Detector:  # noqa: ARG001
    return HaarCascade() if min_score is None else HaarCascade(min_score=min_score)


def _whole(file: Path | None, min_score: float | None, threads: int | None) -> Detector:  # noqa: ARG001
    return WholePicture()


def _yunet(file: Path | None, min_score: float | None, threads: int | None) -> Detector:
    if file is None:
        raise ConfigError(
            "the detector yunet needs its ONNX file", hint="--detector-file face_detection_yunet.onnx (OpenCV Zoo)"
        )
    return YuNet(file, threads=threads) if min_score is None else YuNet(file, min_score=min_score, threads=threads)


_BUILDERS: dict[str, Callable[[Path | None, float | None, int | None], Detector]] = {
    "blazeface": _blazeface,
    "haar": _haar,
    "whole": _whole,
    "yunet": _yunet,
}
