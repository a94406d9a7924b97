"""What differs between the versions of PyAV that are allowed: each is tried by running this folder with it."""

from pathlib import Path

import av

from mien.video.sources.files import VideoFile
from tests.videos import scene, write_video


def test_a_title_that_is_no_unicode_does_not_cost_the_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [scene([], (64, 48))] * 3, title="Cafe")
    content = path.read_bytes()
    assert content.count(b"Cafe") == 1
    path.write_bytes(content.replace(b"Cafe", b"Caf\xe9"))
    assert len(list(VideoFile(path).frames())) == 3


def test_what_is_used_of_pyav_is_there() -> None:
    """These attributes came with the lowest version that is declared."""
    assert hasattr(av.codec.Codec("aac"), "canonical_name")
    assert hasattr(av.stream, "Disposition")
