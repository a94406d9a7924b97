"""Which device networks run on, and what is said where one is not there."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mien
from mien.cli.app import app
from mien.errors import ConfigError
from mien.runtime import devices
from mien.runtime.devices import INSTALL, choose_device
from mien.runtime.onnx import OnnxSession, available_devices
from mien.weights import weight_path

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture(autouse=True)
def _not_told_before() -> Iterator[None]:
    devices._warn_once.cache_clear()
    yield
    devices._warn_once.cache_clear()


def absent() -> list[str]:
    return [name for name in INSTALL if name not in available_devices()]


def test_the_processor_is_always_there() -> None:
    assert "cpu" in available_devices()
    assert mien.load_recognizer(device="cpu").devices == ("cpu",)


@pytest.mark.parametrize("device", INSTALL)
def test_a_device_that_is_not_there_is_an_error_that_says_what_to_install(device: mien.Device) -> None:
    with pytest.raises(ConfigError, match=f"the device {device} is not there; onnxruntime here has cpu") as caught:
        choose_device(device, [CPU])
    assert "pip install onnxruntime" in str(caught.value.hint) or "onnxruntime-gpu" in str(caught.value.hint)


def test_an_unknown_device_is_an_error_that_names_all() -> None:
    with pytest.raises(ConfigError, match="no device 'tpu', expected one of auto, cpu, cuda"):
        choose_device("tpu", [CPU])  # type: ignore[arg-type]


def test_a_card_is_chosen_before_the_processor_and_the_processor_takes_the_rest() -> None:
    assert choose_device("auto", [CUDA, CPU]).providers == (CUDA, CPU)
    assert choose_device("cuda", [CUDA, CPU]).providers == (CUDA, CPU)
    assert choose_device("cpu", [CUDA, CPU]).providers == (CPU,)


def test_coreml_and_openvino_are_for_who_asks_for_them() -> None:
    found = ["OpenVINOExecutionProvider", "CoreMLExecutionProvider", CPU]
    assert choose_device("auto", found).providers == (CPU,)
    assert choose_device("coreml", found).providers == ("CoreMLExecutionProvider", CPU)


@pytest.mark.skipif("cuda" in available_devices(), reason="this onnxruntime has CUDA")
def test_auto_says_once_that_a_card_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    """An onnxruntime that names a provider which then does not start is what a missing driver looks like."""
    session = OnnxSession(weight_path("default"), device="cpu")
    choice = choose_device("auto", [CUDA, CPU])
    with caplog.at_level(logging.WARNING, "mien.devices"):
        choice.check(session.get_providers())
        choice.check(session.get_providers())
    assert [record.message for record in caplog.records] == [
        "cuda is installed but does not start here; networks run on the processor"
    ]


def test_a_card_that_was_asked_for_and_does_not_start_is_an_error() -> None:
    with pytest.raises(ConfigError, match="the device cuda does not start here"):
        choose_device("cuda", [CUDA, CPU]).check([CPU])


@pytest.mark.parametrize("loaded", [mien.load, mien.load_recognizer, mien.build_detector])
def test_library_functions_raise_it(loaded: object) -> None:
    name = absent()[0]
    with pytest.raises(ConfigError, match=f"the device {name} is not there"):
        loaded(device=name)  # type: ignore[operator]


def test_the_command_says_what_to_install(tmp_path: Path) -> None:
    name = absent()[0]
    result = CliRunner().invoke(app, ["predict", str(tmp_path / "photo.jpg"), "--device", name])
    assert isinstance(result.exception, ConfigError)
    assert result.exception.hint == INSTALL[name]
