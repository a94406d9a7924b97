"""How each system names its cameras: from a number or a name to what FFmpeg's input for that system opens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path

from mien.errors import SourceError


@dataclass(frozen=True, slots=True)
class DeviceInput:
    """A device for FFmpeg to open.

    Attributes:
        form: FFmpeg's name of the input format.
        target: The device, as that input names it.
        options: Options of the input.
    """

    form: str
    target: str
    options: dict[str, str] = field(default_factory=dict)


def is_camera_name(name: str, *, platform: str) -> bool:
    """Whether a name is a camera's: on Windows and macOS anything that is neither a file nor an address."""
    return platform in {"win32", "darwin"} and "://" not in name and not has_magic(name) and not Path(name).exists()


def device_input(
    device: int | str, *, platform: str, rate: float | None, names: Callable[[str], Sequence[str] | None]
) -> DeviceInput:
    """The input of a camera by its number or name.

    Args:
        device: 0 is the first camera; a name is the system's.
        platform: A value of :data:`sys.platform`.
        rate: Frames per second to ask for; None leaves it to the camera.
        names: The cameras that an input lists, in order; None where they cannot be listed.

    Raises:
        SourceError: On Windows, a number that no camera has, or whose name cannot be found out.
    """
    number = int(device) if isinstance(device, int) or device.isdigit() else None
    options = {} if rate is None else {"framerate": f"{rate:g}"}
    if platform == "win32":  # dshow opens cameras by name only
        name = str(device) if number is None else _name_of(number, names("dshow"))
        return DeviceInput("dshow", f"video={name.removeprefix('video=')}", options)
    if platform == "darwin":
        # avfoundation asks for 29.97 frames/s by default, which cameras refuse; "none" leaves the sound out.
        target = str(device) if number is None else str(number)
        return DeviceInput("avfoundation", f"{target}:none", options or {"framerate": "30"})
    return DeviceInput("v4l2", str(device) if number is None else f"/dev/video{number}", options)


def _name_of(number: int, names: Sequence[str] | None) -> str:
    if names is None:
        raise SourceError(f"camera {number}: cameras cannot be listed here", hint="give the camera's name")
    if number >= len(names):
        known = ", ".join(names) or "none"
        raise SourceError(f"camera {number}: there is no such camera", hint=f"cameras here: {known}")
    return names[number]
