"""Frames and their times from real files: every kind of rate, turned, damaged, cut, and not videos at all."""

import shutil
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import ConfigError, SourceError
from mien.video.settings import VideoSettings
from mien.video.sources.cameras import Camera
from mien.video.sources.files import VideoFile
from mien.video.sources.open import open_video
from mien.video.sources.sampling import Sampling
from mien.video.sources.sequences import ImageSequence
from tests.videos import RATE, scene, set_clockwise_turn, write_tone, write_video

SHARED_MEMORY = Path("/dev") / "shm"
UNEVEN_MS = [0, 40, 80, 200, 211, 500, 533, 1000]


def flat(level: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 3), level, np.uint8)


def levels(count: int) -> list[np.ndarray]:
    return [flat(20 + 8 * number) for number in range(count)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.mov", "mpeg4"), ("a.avi", "mjpeg")],
)
def test_every_container_gives_all_frames_in_order(tmp_path: Path, name: str, codec: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    times = [number * 40 for number in range(20)]
    write_video(tmp_path / name, levels(20), codec=codec, pixels=pixels, times_ms=times)
    frames = list(VideoFile(tmp_path / name).frames())
    assert [frame.index for frame in frames] == list(range(len(frames)))
    means = [float(frame.image.mean()) for frame in frames]
    assert means == pytest.approx([20 + 8 * number for number in range(20)], abs=6) or name == "a.avi"
    assert sorted(means) == means


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_uneven_times_match_to_the_millisecond(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name, levels(len(UNEVEN_MS)), times_ms=UNEVEN_MS)
    frames = list(VideoFile(tmp_path / name).frames())
    assert [round(frame.timestamp_s * 1000) for frame in frames] == UNEVEN_MS


def test_times_count_from_the_start_of_a_transport_stream_that_begins_later(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", levels(10), codec="libx264", start_ms=5000)
    times = [frame.timestamp_s for frame in VideoFile(path).frames()]
    assert times == pytest.approx([number / RATE for number in range(10)], abs=0.001)


def test_a_turned_video_comes_upright(tmp_path: Path) -> None:
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:16, :, 0] = 255  # red on top
    stored = np.ascontiguousarray(np.rot90(upright, 1))
    path = write_video(tmp_path / "a.mp4", [stored] * 3)
    set_clockwise_turn(path, 48)
    frame = next(iter(VideoFile(path).frames()))
    assert frame.image.shape == (64, 48, 3)
    assert np.abs(frame.image.astype(int) - upright).mean() < 6


def test_a_lossless_video_gives_the_very_pixels(tmp_path: Path) -> None:
    picture = scene([(100, 100, 200)])
    path = write_video(tmp_path / "a.mov", [picture], codec="png", pixels="rgb24")
    assert np.array_equal(next(iter(VideoFile(path).frames())).image, picture)


def test_stride_and_rate_choose_frames_by_number_and_by_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", levels(25))
    assert [f.index for f in VideoFile(path).frames(Sampling(stride=10))] == [0, 10, 20]
    fives = [f.timestamp_s for f in VideoFile(path).frames(Sampling(fps=5))]
    assert fives == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=1e-3)
    assert [f.index for f in VideoFile(path).frames(Sampling(after=21))] == [22, 23, 24]


def test_a_rate_chooses_among_the_frames_that_the_stride_leaves(tmp_path: Path) -> None:
    """At 30 frames a second every second frame leaves 15, of which 10 are one in each tenth."""
    path = write_video(tmp_path / "a.mp4", levels(30), times_ms=[round(number * 1000 / 30) for number in range(30)])
    for video in (VideoFile(path), ImageSequence(levels(30), rate=30)):
        times = [frame.timestamp_s for frame in video.frames(Sampling(stride=2, fps=10))]
        assert [int(time_s * 10 + 0.01) for time_s in times] == list(range(10))
        assert all(frame.index % 2 == 0 for frame in video.frames(Sampling(stride=2, fps=10)))


def test_a_cut_file_gives_what_is_readable_and_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(75)]
    path = write_video(tmp_path / "a.mkv", pictures)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = VideoFile(path)
    frames = list(video.frames())
    assert 20 < len(frames) < 60
    assert any("ends at" in problem for problem in video.warnings), video.warnings


def test_damaged_packets_are_left_out_and_counted(tmp_path: Path) -> None:
    pictures = [scene([(number * 3, 50, 200)]) for number in range(30)]
    path = write_video(tmp_path / "a.avi", pictures, codec="png", pixels="rgb24")
    content = bytearray(path.read_bytes())
    middle = content.index(b"IHDR", len(content) // 2)
    content[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(bytes(content))
    video = VideoFile(path)
    frames = list(video.frames())
    assert 25 <= len(frames) <= 29
    assert any("damaged" in problem for problem in video.warnings), video.warnings


def test_a_file_that_is_no_video_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"this is not a video" * 100)
    with pytest.raises(SourceError, match=r"a\.mp4: cannot be read as a video"):
        VideoFile(tmp_path / "a.mp4")


def test_sound_alone_is_refused_by_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no video stream, it holds audio"):
        VideoFile(write_tone(tmp_path / "a.m4a"))


def without_frames(path: Path) -> Path:
    """A video of which no frame can be decoded."""
    write_video(path, levels(5))
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    length = int.from_bytes(content[start - 8 : start - 4], "big") - 8
    content[start : start + length] = bytes(length)
    path.write_bytes(bytes(content))
    return path


def test_a_video_of_which_no_frame_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not one frame could be read"):
        list(VideoFile(without_frames(tmp_path / "a.mp4")).frames())


def test_a_video_that_ends_before_its_first_frame_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", levels(2))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])  # where the first cluster of frames begins
    with pytest.raises(SourceError, match="cannot be read as a video"):
        VideoFile(path)


@pytest.mark.parametrize(("name", "reason"), [("none.mp4", "no such file"), (".", "no pictures found")])
def test_what_is_not_there_is_told(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        open_video(tmp_path / name)


def test_a_playlist_does_not_make_a_file_fetch_addresses(tmp_path: Path) -> None:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", "http://127.0.0.1:9/a.ts", "#EXT-X-ENDLIST"]
    (tmp_path / "a.m3u8").write_text("\n".join(lines))
    with pytest.raises(SourceError, match="cannot be read as a video"):
        VideoFile(tmp_path / "a.m3u8")


def test_frames_that_are_too_large_are_refused_unread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", levels(2))
    with pytest.raises(SourceError, match=r"64 × 48 pixels, expected at most 1,000"):
        VideoFile(path, max_pixels=1000)


@pytest.mark.parametrize("name", ["", "frame*.png", "frame%d.png"])
def test_pictures_in_a_row_come_by_number_at_the_rate_asked_for(tmp_path: Path, name: str) -> None:
    for number in (1, 2, 10):
        Image.fromarray(flat(number * 20)).save(tmp_path / f"frame{number}.png")
    video = open_video(str(tmp_path / name), rate=10)
    frames = list(video.frames())
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [20, 40, 200]
    assert [frame.timestamp_s for frame in frames] == [0, 0.1, 0.2]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan"), 1e308, 1e-308])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rate: float) -> None:
    Image.fromarray(flat(20)).save(tmp_path / "0.png")
    with pytest.raises(ConfigError, match="frames per second"):
        open_video(tmp_path, rate=rate)


def test_a_bad_picture_in_a_row_is_left_out_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    Image.fromarray(flat(20)).save(tmp_path / "0.png")
    (tmp_path / "1.png").write_text("no picture")
    Image.fromarray(flat(40)).save(tmp_path / "2.png")
    video = open_video(tmp_path)
    assert [frame.index for frame in video.frames()] == [0, 2]
    assert "not a picture" in video.warnings[0]


def test_pictures_of_which_none_can_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_text("no picture")
    with pytest.raises(SourceError, match="not one picture could be read"):
        list(open_video(tmp_path).frames())


def test_pictures_of_which_none_that_is_wanted_can_be_read_are_an_error_but_not_where_earlier_ones_were_read(
    tmp_path: Path,
) -> None:
    for number in range(6):
        (tmp_path / f"{number}.png").write_text("no picture")
    with pytest.raises(SourceError, match="not one picture could be read"):
        list(open_video(tmp_path).frames(Sampling(stride=2)))
    assert list(open_video(tmp_path).frames(Sampling(stride=2, after=1))) == []


def test_an_absent_camera_is_told() -> None:
    with pytest.raises(SourceError, match="camera 99"):
        Camera(99)


def test_a_camera_that_disappears_is_opened_again_and_ends_cleanly_when_it_stays_away(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.mkv", levels(8))
    second = Path(shutil.copy(first, tmp_path / "b.mkv"))
    plugged = iter([first, second])

    def device() -> object:
        path = next(plugged, None)
        if path is None:
            raise SourceError("unplugged")
        return av.open(str(path))

    camera = Camera(0, opener=device, retries=2, pause_s=0.01)
    frames = list(camera.frames())
    assert [frame.index for frame in frames] == list(range(16))
    assert all(later.timestamp_s >= early.timestamp_s for early, later in pairwise(frames))
    assert camera.warnings == ["the camera was gone and came back", "the camera is gone; it was tried 2 times"]


@pytest.mark.parametrize("plugged", [[], [True], [False, True]])
def test_a_camera_that_opens_and_gives_no_frame_is_gone_after_as_many_tries(
    tmp_path: Path, plugged: list[bool]
) -> None:
    """Tries are counted from the last frame on."""
    whole, empty = write_video(tmp_path / "a.mkv", levels(8)), without_frames(tmp_path / "b.mp4")
    devices, opened = iter(whole if works else empty for works in plugged), []

    def device() -> object:
        opened.append(next(devices, empty))
        assert len(opened) < 10
        return av.open(str(opened[-1]))

    camera = Camera(0, opener=device, retries=3, pause_s=0.01)
    assert len(list(camera.frames())) == 8 * sum(plugged)
    assert len(opened) == max(len(plugged), 1) + 3
    assert camera.warnings[-1] == "the camera is gone; it was tried 3 times"
    assert camera.warnings.count("the camera was gone and came back") == (plugged == [False, True])


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="needs a folder of files in /dev")
def test_a_file_in_the_folder_of_devices_is_a_video_and_an_absent_camera_is_reported_as_one() -> None:
    with TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        path = write_video(Path(folder) / "a.mkv", levels(3))
        assert len(list(open_video(path).frames())) == 3
    with pytest.raises(SourceError, match=r"camera /dev/video99: .*No such file"):
        open_video("/dev/video99")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stride": 0}, "stride is 0, expected at least 1"),
        ({"fps": 0.0}, "fps"),
        ({"fps": float("inf")}, "fps is inf, expected 1e-06 to 1e\\+06"),
        ({"fps": 1e308}, "fps"),
        ({"smoothing_s": -1.0}, "smoothing_s"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        VideoSettings(**settings)  # type: ignore[arg-type]


def test_a_file_that_nobody_vouches_for_opens_no_other(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.ts", levels(5))
    (tmp_path / "list").write_text("ffconcat version 1.0\nfile secret.ts\n")
    assert len(list(VideoFile(tmp_path / "list").frames())) == 5
    with pytest.raises(SourceError, match="expected one of the formats mov, mpegts"):
        VideoFile(tmp_path / "list", formats=("mov", "mpegts"))
    assert len(list(VideoFile(tmp_path / "secret.ts", formats=("mov", "mpegts")).frames())) == 5


def test_frames_that_grow_beyond_the_limit_are_left_out(tmp_path: Path) -> None:
    """More small ones follow than a decoder has threads, so that none is under way when the file ends."""
    for name, size, count in [("small", (64, 48), 20), ("large", (640, 480), 5)]:
        write_video(tmp_path / f"{name}.ts", [flat(90, size)] * count)
    parts = [(tmp_path / f"{name}.ts").read_bytes() for name in ("small", "large", "small")]
    (tmp_path / "all.ts").write_bytes(b"".join(parts))
    video = VideoFile(tmp_path / "all.ts", max_pixels=100_000)
    assert [frame.image.shape for frame in video.frames()] == [(48, 64, 3)] * 40
    assert video.warnings[0] == "5 damaged packets left out"
    assert video.warnings[-1].startswith("the timestamps restart or jump 1 time;")


def test_pictures_of_a_sequence_that_are_too_large_are_left_out_and_told(tmp_path: Path) -> None:
    for number, side in enumerate((40, 80, 40)):
        Image.fromarray(flat(90, (side, side))).save(tmp_path / f"{number}.png")
    video = open_video(tmp_path, max_pixels=1600)
    assert [frame.index for frame in video.frames()] == [0, 2]
    assert "6,400 pixels, expected at most 1,600" in video.warnings[0]
