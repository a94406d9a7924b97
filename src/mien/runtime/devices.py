"""What networks run on: names of devices, onnxruntime's provider behind each, and what installs it.

It opens no session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, get_args

from mien.errors import ConfigError

#: ``auto`` takes a graphics card that onnxruntime can use and otherwise the processor.
Device = Literal["auto", "cpu", "cuda", "coreml", "directml", "openvino"]

#: onnxruntime's provider of each device.
PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cpu": "CPUExecutionProvider",
        "cuda": "CUDAExecutionProvider",
        "coreml": "CoreMLExecutionProvider",
        "directml": "DmlExecutionProvider",
        "openvino": "OpenVINOExecutionProvider",
    }
)
#: What brings each of them.
INSTALL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cuda": "pip uninstall onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'",
        "coreml": "on macOS: pip install onnxruntime",
        "directml": "on Windows: pip uninstall onnxruntime && pip install onnxruntime-directml",
        "openvino": "pip uninstall onnxruntime && pip install onnxruntime-openvino",
    }
)
#: What ``auto`` tries before the processor. CoreML and OpenVINO are for whoever asks: for networks this small they gain
#: nothing until batches are large, and CoreML rounds to 16 bits.
_AUTOMATIC = ("cuda", "directml")
#: There when NVIDIA's driver is loaded.
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """What a session is asked to run on.

    Attributes:
        device: As asked for.
        providers: onnxruntime's names, first choice first; the processor always takes what others cannot.
    """

    device: Device
    providers: tuple[str, ...]

    def check(self, used: Sequence[str]) -> None:
        """Compare with what a session really runs on; onnxruntime itself says nothing when a device fails to start.

        Raises:
            ConfigError: A device that was asked for by name is not used.
        """
        if self.providers[0] in used:
            return
        name = next(device for device, provider in PROVIDERS.items() if provider == self.providers[0])
        if self.device == "auto":
            _warn_once(f"{name} is installed but does not start here; networks run on the processor")
            return
        raise ConfigError(
            f"the device {name} does not start here",
            hint=f"its driver or libraries are missing or do not fit; or take --device cpu; {INSTALL.get(name, '')}",
        )


def choose_device(device: Device, available: Sequence[str]) -> DeviceChoice:
    """The providers to ask for.

    Args:
        device: A name of :data:`Device`.
        available: onnxruntime's names of the providers that it was built with.

    Raises:
        ConfigError: There is no such device, or onnxruntime was built without it; the hint says what to install.
    """
    if device not in get_args(Device):
        raise ConfigError(f"no device {device!r}, expected one of {', '.join(get_args(Device))}")
    cpu = PROVIDERS["cpu"]
    if device == "auto":
        found = next((PROVIDERS[name] for name in _AUTOMATIC if PROVIDERS[name] in available), None)
        if found is None and _NVIDIA_DRIVER.exists():
            _warn_once(f"there is an NVIDIA card, but networks run on the processor ({INSTALL['cuda']})")
        return DeviceChoice(device, (found, cpu) if found else (cpu,))
    if PROVIDERS[device] not in available:
        there = ", ".join(devices_of(available))
        raise ConfigError(f"the device {device} is not there; onnxruntime here has {there}", hint=INSTALL[device])
    return DeviceChoice(device, (PROVIDERS[device], cpu) if device != "cpu" else (cpu,))


def devices_of(providers: Sequence[str]) -> tuple[str, ...]:
    """Our names of onnxruntime's providers, in their order; a provider that has none of ours is left out."""
    names = {provider: device for device, provider in PROVIDERS.items()}
    return tuple(names[provider] for provider in providers if provider in names)


@cache
def _warn_once(message: str) -> None:
    """Tell the logger ``mien.devices``, once, since a pipeline opens two sessions and a service more.

    Python shows warnings on standard error where the program sets up no logging, as the commands do not.
    """
    import logging  # noqa: PLC0415 - hardly ever

    logging.getLogger("mien.devices").warning(message)
