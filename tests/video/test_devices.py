"""Cameras by number and by name on each system, as FFmpeg's documentation of its input devices has them.

The systems are simulated: no camera is opened.
"""

from pathlib import Path

import pytest

from mien.errors import SourceError
from mien.video.sources.devices import DeviceInput, device_input, is_camera_name

CAMERAS = ["Integrated Camera", "USB 2.0: video=1"]


@pytest.mark.parametrize(
    ("platform", "device", "expected"),
    [
        ("linux", 0, DeviceInput("v4l2", "/dev/video0")),
        ("linux", "2", DeviceInput("v4l2", "/dev/video2")),
        ("linux", "/dev/video1", DeviceInput("v4l2", "/dev/video1")),
        ("win32", 0, DeviceInput("dshow", "video=Integrated Camera")),
        ("win32", "1", DeviceInput("dshow", "video=USB 2.0: video=1")),
        ("win32", "Integrated Camera", DeviceInput("dshow", "video=Integrated Camera")),
        ("win32", "video=Integrated Camera", DeviceInput("dshow", "video=Integrated Camera")),
        ("darwin", 1, DeviceInput("avfoundation", "1:none", {"framerate": "30"})),
        ("darwin", "FaceTime HD Camera", DeviceInput("avfoundation", "FaceTime HD Camera:none", {"framerate": "30"})),
    ],
)
def test_what_is_opened(platform: str, device: int | str, expected: DeviceInput) -> None:
    assert device_input(device, platform=platform, rate=None, names=lambda _: CAMERAS) == expected


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_a_rate_is_asked_for_on_every_system(platform: str) -> None:
    asked = device_input(0, platform=platform, rate=25.0, names=lambda _: CAMERAS)
    assert asked.options == {"framerate": "25"}


def test_on_windows_a_number_needs_a_list_of_cameras() -> None:
    asked: list[str] = []

    def listed(form: str) -> list[str]:
        asked.append(form)
        return CAMERAS

    with pytest.raises(SourceError, match="camera 2: there is no such camera") as caught:
        device_input(2, platform="win32", rate=None, names=listed)
    assert asked == ["dshow"]
    assert caught.value.hint == f"cameras here: {', '.join(CAMERAS)}"
    with pytest.raises(SourceError, match="cameras cannot be listed here"):
        device_input(0, platform="win32", rate=None, names=lambda _: None)


def test_a_name_is_a_camera_where_systems_name_cameras_so(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    for platform in ("win32", "darwin"):
        assert is_camera_name("FaceTime HD Camera", platform=platform)
        for other in (str(clip), "rtsp://door.example/live", str(tmp_path / "*.png")):
            assert not is_camera_name(other, platform=platform)
    assert not is_camera_name("FaceTime HD Camera", platform="linux")  # there a camera is a file, /dev/video0
