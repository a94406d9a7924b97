"""The sound of the annotated video: kept whole from every container, told where it is lost, and cut where it stops."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import record_video
from mien.video.settings import VideoSettings
from mien.video.sinks.annotated import AnnotatedVideo
from mien.video.sources.files import VideoFile
from tests.video.recording import killed_at, opened, record
from tests.video.steps import EndedAtOnce
from tests.videos import RATE, scene, seconds_of, write_video


def write_with_sound(path: Path, codec: str, *, seconds: int = 2, rate: int = 44_100, layout: str = "mono") -> Path:
    """Flat pictures and a tone in the container that the ending names, with the frame rate in its header."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        tone = out.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(tone, av.AudioStream)
        channels = 2 if layout == "stereo" else 1
        for second in range(seconds):
            for number in range(RATE):
                picture = np.full((48, 64, 3), 20 + 4 * number, np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
            sound = av.AudioFrame.from_ndarray(np.repeat(wave, channels).astype(np.int16)[None], "s16", layout)
            sound.sample_rate, sound.pts, sound.time_base = rate, second * rate, Fraction(1, rate)
            out.mux(tone.encode(sound))
        out.mux(stream.encode())
        out.mux(tone.encode())
    return path


def redrawn(source: Path, path: Path) -> list[str]:
    """Write the frames of a video again as they are; what is told of it."""
    video = VideoFile(source)
    with opened(AnnotatedVideo(path, video.warnings), video.info) as drawn:
        for frame in video.frames():
            drawn.add(frame.image, frame.timestamp_s)
    return video.warnings


def sound_of(path: Path) -> tuple[str, float, float]:
    """Kind of the sound, seconds by its own word, and seconds that can be decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        name, length_s = stream.codec_context.codec.canonical_name, seconds_of(stream)
        return name, length_s, sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "kind"),
    [
        ("a.avi", "libmp3lame", 44_100, "mp3"),
        ("a.avi", "libmp3lame", 11_025, "aac"),  # MP4 holds no MP3 that is so slow
        ("a.avi", "ac3", 44_100, "aac"),
        ("a.avi", "pcm_s16le", 44_100, "aac"),
        ("a.mkv", "libmp3lame", 44_100, "mp3"),
        ("a.ts", "ac3", 48_000, "aac"),
    ],
)
def test_the_sound_of_every_container_is_kept_whole(
    tmp_path: Path, name: str, codec: str, rate: int, kind: str
) -> None:
    source = write_with_sound(tmp_path / name, codec, rate=rate)
    assert redrawn(source, tmp_path / "out.mp4") == []
    found, *lengths_s = sound_of(tmp_path / "out.mp4")
    assert found == kind
    assert lengths_s == pytest.approx([2, 2], abs=0.2)


def test_sound_that_changes_its_channels_goes_on(tmp_path: Path) -> None:
    parts = [write_with_sound(tmp_path / f"{layout}.ts", "ac3", layout=layout) for layout in ("stereo", "mono")]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    told = redrawn(tmp_path / "both.ts", tmp_path / "out.mp4")
    assert not any("sound" in warning for warning in told)
    assert any("restart" in warning for warning in told)
    assert sound_of(tmp_path / "out.mp4")[1:] == pytest.approx((4, 4), abs=0.2)


def test_packets_of_the_sound_that_are_refused_are_left_out_and_told(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.avi", "ac3")
    content = bytearray(source.read_bytes())
    starts = [found.start() + 8 for found in re.finditer(b"01wb", content)]
    for start in starts[20:25]:
        content[start : start + 100] = b"\xff" * 100
    source.write_bytes(content)
    (problem,) = redrawn(source, tmp_path / "out.mp4")
    assert re.fullmatch(r"\d packets? of the sound left out", problem)
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.audio[0]
        assert seconds_of(stream) == pytest.approx(2, abs=0.1)


def test_sound_of_an_unknown_kind_is_left_out_and_told(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.avi", "libmp3lame")
    content = bytearray(source.read_bytes())
    kind = content.index(b"strf", content.index(b"auds")) + 8
    content[kind : kind + 2] = b"\x34\x12"
    source.write_bytes(content)
    assert redrawn(source, tmp_path / "out.mp4") == ["the sound is left out, its codec is not known"]
    assert len(list(VideoFile(tmp_path / "out.mp4").frames())) == 2 * RATE


@pytest.mark.parametrize("sound", ["aac", "pcm_s16le"])
def test_an_interrupted_video_has_its_sound_up_to_the_last_frame(
    pipeline: ExpressionPipeline, tmp_path: Path, sound: str
) -> None:
    source = write_video(tmp_path / "a.mkv", [scene([], (64, 48))] * 75, sound=sound)
    summary = record(
        pipeline, source, VideoOutputs(annotated=tmp_path / "out.mp4"), listener=killed_at(10, by=KeyboardInterrupt)
    )
    assert summary.stopped
    assert len(list(VideoFile(tmp_path / "out.mp4").frames())) == 11
    assert sound_of(tmp_path / "out.mp4")[1] == pytest.approx(11 / RATE, abs=0.1)


def test_an_interruption_before_the_first_frame_leaves_no_video_and_no_error(
    pipeline: ExpressionPipeline, tmp_path: Path
) -> None:
    analyzer = FrameAnalyzer(pipeline, VideoSettings())
    summary = record_video(EndedAtOnce(), analyzer, VideoOutputs(annotated=tmp_path / "out.mp4"))
    assert (summary.stopped, summary.frames, summary.warnings) == (True, 0, ("interrupted",))
    assert list(tmp_path.iterdir()) == []
