"""The detectors by name: the one list that the command line, the library and its errors read.

It makes none until asked, so that an absent extra matters only to who wants it.
"""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from mien.detection.base import Detector
from mien.detection.blazeface import BLAZEFACE_TRAITS, BlazeFace
from mien.detection.centerface import CenterFace
from mien.detection.centersearch import DOUBTFUL_SCORE, CenterFaceSearch
from mien.detection.haar import HaarCascade
from mien.detection.multiscale import MultiscaleDetector
from mien.detection.settings import DEFAULT_SEARCH, SearchSettings, SelectingDetector
from mien.detection.whole import WholePicture
from mien.detection.yunet import YuNet
from mien.errors import ConfigError, UnknownDetectorError

_WITHOUT_FILE = ("haar", "whole")

#: The detector that is used where none is named.
DEFAULT_DETECTOR = "centerface"


def build_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    file: Path | None = None,
    search: SearchSettings = DEFAULT_SEARCH,
    threads: int | None = None,
) -> Detector:
    """The detector called ``name``.

    Args:
        name: One of :func:`list_detectors`.
        file: The ONNX file of ``yunet``; ``centerface`` and ``blazeface`` take another than the shipped one if given.
        search: How thoroughly, for which faces. ``haar``, ``whole`` and ``yunet`` know one way of looking: of them
            only size, number and score are chosen.
        threads: Threads within one call of the detector's network; None leaves it to the engine.

    Raises:
        UnknownDetectorError: There is no such detector; near names are given.
        ConfigError: ``yunet`` without a file, or a file for one that takes none.
        MissingDependencyError: ``haar`` without OpenCV.
        ModelFileError: The file cannot be read.
    """
    if name not in _BUILDERS:
        near = get_close_matches(name, _BUILDERS) or list_detectors()
        raise UnknownDetectorError(f"no detector {name!r}; did you mean {', '.join(near)}?")
    if file is not None and name in _WITHOUT_FILE:
        raise ConfigError(f"the detector {name} takes no file, got {file}", hint="--detector-file belongs to yunet")
    return _BUILDERS[name](file, search, threads)


def list_detectors() -> tuple[str, ...]:
    """Names of all detectors."""
    return tuple(sorted(_BUILDERS))


def _blazeface(file: Path | None, search: SearchSettings, threads: int | None) -> Detector:
    least = BLAZEFACE_TRAITS.min_score if search.min_score is None else search.min_score
    looker = BlazeFace(min_score=min(BLAZEFACE_TRAITS.doubtful_score, least), path=file, threads=threads)
    return MultiscaleDetector(looker, BLAZEFACE_TRAITS, search)


def _centerface(file: Path | None, search: SearchSettings, threads: int | None) -> Detector:
    least = DOUBTFUL_SCORE if search.min_score is None else min(DOUBTFUL_SCORE, search.min_score)
    return CenterFaceSearch(CenterFace(min_score=least, path=file, threads=threads), search)


def _haar(_: Path | None, search: SearchSettings, __: int | None) -> Detector:
    plain = HaarCascade() if search.min_score is None else HaarCascade(min_score=search.min_score)
    return _selecting(plain, search)


def _whole(_: Path | None, search: SearchSettings, __: int | None) -> Detector:
    return _selecting(WholePicture(), search)


def _yunet(file: Path | None, search: SearchSettings, threads: int | None) -> Detector:
    if file is None:
        raise ConfigError(
            "the detector yunet needs its ONNX file", hint="--detector-file face_detection_yunet.onnx (OpenCV Zoo)"
        )
    least = search.min_score
    plain = YuNet(file, threads=threads) if least is None else YuNet(file, min_score=least, threads=threads)
    return _selecting(plain, search)


def _selecting(detector: Detector, search: SearchSettings) -> Detector:
    is_choosing = search.min_face is not None or search.max_faces is not None
    return SelectingDetector(detector, search) if is_choosing else detector


_BUILDERS: dict[str, Callable[[Path | None, SearchSettings, int | None], Detector]] = {
    "blazeface": _blazeface,
    "centerface": _centerface,
    "haar": _haar,
    "whole": _whole,
    "yunet": _yunet,
}
