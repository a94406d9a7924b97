"""How stored pixels become pictures: eight orientations, pixels that are not square, damage that decoders mark."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mien.errors import SourceError
from mien.imaging.formats import HAS_AVIF
from mien.video.sources.files import VideoFile
from mien.video.sources.open import open_video
from tests.videos import scene, write_video

#: (a, b, c, d) of a track's matrix by EXIF orientation, as ISO 14496-12 6.2.2 and FFmpeg's display.h lay them out.
MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def corners() -> np.ndarray:
    """A picture whose four corners differ."""
    picture = np.full((64, 96, 3), 128, np.uint8)
    picture[:32, :48], picture[:32, 48:], picture[32:, :48] = (220, 30, 30), (30, 220, 30), (30, 30, 220)
    return picture


def set_matrix(path: Path, orientation: int) -> None:
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    a, b, c, d = (value * 0x10000 for value in MATRICES[orientation])
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(content))


@settings(max_examples=24, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(MATRICES)), st.sampled_from(["a.mp4", "a.mov"]), st.sampled_from(["libx264", "mpeg4"]))
def test_every_orientation_of_a_track_is_the_one_of_a_photo(
    tmp_path: Path, orientation: int, name: str, codec: str
) -> None:
    """The oracle is Pillow's reading of the same number in a photo's EXIF."""
    stored = corners()
    path = write_video(tmp_path / name, [stored] * 2, codec=codec)
    set_matrix(path, orientation)
    photo = Image.fromarray(stored)
    photo.getexif()[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(photo))
    found = next(iter(VideoFile(path).frames())).image
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 12


@pytest.mark.parametrize(
    ("shape", "size"),
    [(Fraction(2), (128, 48)), (Fraction(1, 2), (64, 96)), (Fraction(16, 15), (68, 48)), (Fraction(1), (64, 48))],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_pixels_that_are_not_square_are_stretched(
    tmp_path: Path, shape: Fraction, size: tuple[int, int], name: str
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = shape
        for _ in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
        out.mux(stream.encode())
    frame = next(iter(VideoFile(path).frames()))
    assert frame.image.shape == (size[1], size[0], 3)
    assert frame.image.mean() == pytest.approx(90, abs=4)


def lossy(path: Path) -> Path:
    """A transport stream of which every twentieth packet is lost."""
    write_video(path, [scene([(number * 3, 50, 200)]) for number in range(40)])
    content = path.read_bytes()
    packets = [content[start : start + 188] for start in range(0, len(content), 188)]
    kept = [packet for number, packet in enumerate(packets) if number < 20 or number % 20]
    path.write_bytes(b"".join(kept))
    return path


def test_damage_that_the_decoder_marks_is_counted_and_on_the_frames(tmp_path: Path) -> None:
    path = lossy(tmp_path / "a.ts")
    with av.open(str(path)) as container:
        packets = marked = 0
        for packet in container.demux(video=0):
            packets += packet.is_corrupt
            marked += sum(frame.is_corrupt for frame in packet.decode())
    assert packets
    video = VideoFile(path)
    frames = list(video.frames())
    assert sum(frame.damaged for frame in frames) == marked
    told = f"{marked} frame{'s' * (marked != 1)} and " if marked else ""
    assert any(f"{told}{packets} packet" in warning for warning in video.warnings), video.warnings


def test_a_damaged_video_is_decoded_to_the_same_pixels_each_time(tmp_path: Path) -> None:
    path = lossy(tmp_path / "a.ts")
    first, *others = ([frame.image.tobytes() for frame in VideoFile(path).frames()] for _ in range(3))
    assert all(other == first for other in others)


def moving(count: int = 4) -> list[Image.Image]:
    return [Image.fromarray(np.full((48, 64, 3), 40 + 50 * number, np.uint8)) for number in range(count)]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", *(["AVIF"] if HAS_AVIF else [])])
@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "a.png", "noending"])
def test_moving_pictures_are_videos_whatever_their_ending(tmp_path: Path, form: str, name: str) -> None:
    first, *rest = moving()
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "AVIF" else {}
    first.save(
        tmp_path / name, form, save_all=True, append_images=rest, duration=[100, 200, 100, 300], loop=0, **options
    )
    frames = list(open_video(tmp_path / name).frames())
    assert [frame.timestamp_s for frame in frames] == pytest.approx([0, 0.1, 0.3, 0.4])
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [40, 90, 140, 190]


def test_a_cut_moving_picture_gives_what_is_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    pictures = [Image.fromarray(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for _ in range(6)]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:], duration=100)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    video = open_video(tmp_path / "a.png")
    assert 1 <= len(list(video.frames())) < 6
    assert len(video.warnings) == 1


def test_a_moving_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    first, *rest = moving()
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest)
    with pytest.raises(SourceError, match=r"64 × 48 pixels, expected at most 1,000"):
        open_video(tmp_path / "a.gif", max_pixels=1000)
