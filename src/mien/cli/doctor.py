"""``mien doctor``: installed versions, devices and extras, and an integrity check of the weights."""

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from mien.cli.last_line import print_last_line
from mien.detection.registry import list_detectors
from mien.errors import ModelFileError
from mien.recognition.recognizer import load_recognizer
from mien.runtime.devices import INSTALL
from mien.runtime.onnx import available_devices
from mien.version import __version__
from mien.weights import WeightFile, list_weights

#: The core dependencies, which every installation has.
_PACKAGES = ("numpy", "Pillow", "onnxruntime", "typer", "rich")
#: A module of each extra whose presence shows that the extra is installed.
_EXTRAS = {
    "train": "torch",
    "plots": "matplotlib",
    "video": "av",
    "tables": "pyarrow",
    "service": "fastapi",
    "batch": "fsspec",
    "scale": "ray",
    "bridges": "polars",
    "adapt": "onnx",
    "audit": "cleanlab",
    "heif": "pi_heif",
    "haar": "cv2",
    "demo": "skimage",
}


def doctor() -> None:
    """Print versions, the provider that runs the networks, the state of the weights, and which extras are there.

    Exit code 4 when a shipped file is missing or is not the one that was shipped.

    Examples:
      mien doctor
    """
    print(f"mien {__version__}, Python {platform.python_version()} on {platform.platform()}")
    print("packages: " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    weights = [*list_weights("detector").values(), *list_weights().values()]
    broken = [weight.name for weight in weights if not weight.intact()]
    for weight in weights:
        print(_weight_line(weight, whole=weight.name not in broken))
    if list_weights() and not broken:  # a damaged model cannot be opened
        print("runs on: " + ", ".join(load_recognizer().devices))
    print("devices: " + _devices())
    print("detectors: " + ", ".join(list_detectors()))
    for extra, module in _EXTRAS.items():  # find_spec looks without importing: torch alone takes seconds
        print(f"extra {extra}: " + ("installed" if find_spec(module) else f"absent, pip install 'mien[{extra}]'"))
    if broken:  # last, so that a report of the fault contains everything above
        raise ModelFileError(f"weights missing or changed: {', '.join(broken)}", hint="install the package again")
    there = sum(find_spec(module) is not None for module in _EXTRAS.values())
    print_last_line(f"{len(weights)} files of weights are whole, {there} of {len(_EXTRAS)} extras are installed")


def _devices() -> str:
    """The available devices, and how to install the others."""
    there = available_devices()
    absent = (f"{name} absent ({hint})" for name, hint in INSTALL.items() if name not in there)
    return ", ".join([*there, *absent])


def _weight_line(weight: WeightFile, *, whole: bool) -> str:
    alias = f" (is {weight.alias})" if weight.alias else ""
    state = f"{weight.path.stat().st_size / 1e6:.2f} MB, hash ok" if whole else "MISSING OR CHANGED"
    return f"{weight.kind} {weight.name}{alias}: {weight.path.name}, {state}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
