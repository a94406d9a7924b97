"""The detectors by name. Each is imported when it is built, so that a missing extra affects only its own detector."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mien.detection.base import Detector
from mien.detection.settings import DEFAULT_SEARCH, SearchSettings, SelectingDetector
from mien.errors import ConfigError, UnknownDetectorError
from mien.runtime.devices import Device
from mien.text import name_hint

_WITHOUT_FILE = ("haar", "whole")

#: The detector that is used where none is named.
DEFAULT_DETECTOR = "centerface"


def build_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    file: Path | None = None,
    search: SearchSettings = DEFAULT_SEARCH,
    threads: int | None = None,
    device: Device = "auto",
) -> Detector:
    """The detector called ``name``.

    Args:
        name: One of :func:`list_detectors`.
        file: The ONNX file of ``yunet``; ``centerface`` and ``blazeface`` take another than the shipped one if given.
        search: How thoroughly, for which faces. ``haar``, ``whole`` and ``yunet`` have one search mode; of the settings
            they use size, number and score.
        threads: Threads within one call of the detector's network; None leaves it to the engine.
        device: What that network runs on; ``haar`` and ``whole`` have none.

    Raises:
        UnknownDetectorError: There is no such detector; near names are given.
        ConfigError: ``yunet`` without a file, a file for one that takes none, or the device is not there.
        MissingDependencyError: ``haar`` without OpenCV.
        ModelFileError: The file cannot be read.
    """
    if name not in _BUILDERS:
        raise UnknownDetectorError(f"no detector {name!r}; {name_hint(name, list_detectors())}")
    if file is not None and name in _WITHOUT_FILE:
        raise ConfigError(f"the detector {name} takes no file, got {file}", hint="--detector-file belongs to yunet")
    return _BUILDERS[name](file, search, _Engine(threads, device))


def list_detectors() -> tuple[str, ...]:
    """Names of all detectors."""
    return tuple(sorted(_BUILDERS))


class _Engine(NamedTuple):
    """How a detector's network is run."""

    threads: int | None
    device: Device


def _blazeface(file: Path | None, search: SearchSettings, engine: _Engine) -> Detector:
    from mien.detection.blazeface import BLAZEFACE_TRAITS, BlazeFace
    from mien.detection.multiscale import MultiscaleDetector

    least = BLAZEFACE_TRAITS.min_score if search.min_score is None else search.min_score
    finder = BlazeFace(min_score=min(BLAZEFACE_TRAITS.doubtful_score, least), path=file, **engine._asdict())
    return MultiscaleDetector(finder, BLAZEFACE_TRAITS, search)


def _centerface(file: Path | None, search: SearchSettings, engine: _Engine) -> Detector:
    from mien.detection.centerface import CenterFace
    from mien.detection.centersearch import DOUBTFUL_SCORE, CenterFaceSearch

    least = DOUBTFUL_SCORE if search.min_score is None else min(DOUBTFUL_SCORE, search.min_score)
    return CenterFaceSearch(CenterFace(min_score=least, path=file, **engine._asdict()), search)


def _haar(_: Path | None, search: SearchSettings, __: _Engine) -> Detector:
    from mien.detection.haar import HaarCascade

    plain = HaarCascade() if search.min_score is None else HaarCascade(min_score=search.min_score)
    return _selecting(plain, search)


def _whole(_: Path | None, search: SearchSettings, __: _Engine) -> Detector:
    from mien.detection.whole import WholePicture

    return _selecting(WholePicture(), search)


def _yunet(file: Path | None, search: SearchSettings, engine: _Engine) -> Detector:
    from mien.detection.yunet import YuNet

    if file is None:
        raise ConfigError(
            "the detector yunet needs its ONNX file", hint="--detector-file face_detection_yunet.onnx (OpenCV Zoo)"
        )
    least = search.min_score
    plain = YuNet(file, **engine._asdict()) if least is None else YuNet(file, min_score=least, **engine._asdict())
    return _selecting(plain, search)


def _selecting(detector: Detector, search: SearchSettings) -> Detector:
    is_choosing = search.min_face is not None or search.max_faces is not None
    return SelectingDetector(detector, search) if is_choosing else detector


_BUILDERS: dict[str, Callable[[Path | None, SearchSettings, _Engine], Detector]] = {
    "blazeface": _blazeface,
    "centerface": _centerface,
    "haar": _haar,
    "whole": _whole,
    "yunet": _yunet,
}
