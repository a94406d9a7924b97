"""What a search of a folder finds, leaves out, and tells."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.batch.inputs import list_entries
from mien.cli.sources import NamedSource, expand
from mien.imaging import IMAGE_SUFFIXES, load_image
from mien.imaging.folders import LeftOut, is_junk, search_folder
from mien.imaging.formats import HAS_HEIF
from mien.video.sources.sequences import open_sequence

JUNK = (
    "._a.png",
    ".hidden.png",
    "__MACOSX/a.png",
    "@eaDir/a.png/SYNOPHOTO.png",
    ".thumbnails/a.png",
    "Thumbs.db/a.png",
)
PIXELS = np.full((8, 8, 3), 90, np.uint8)


def put(path: Path, form: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, form)
    return path


def found(root: Path, left_out: LeftOut | None = None) -> list[str]:
    return [path.relative_to(root).as_posix() for path in search_folder(root, left_out or LeftOut())]


def by_every_way(root: Path) -> list[list[str]]:
    """The files that the command, a batch job and a video read, relative to the folder."""
    items = [Path(item.name) for item in expand([str(root)], LeftOut()) if isinstance(item, NamedSource)]
    entries = [Path(entry.name) for entry in list_entries([str(root)], LeftOut())]
    ways = [items, entries, open_sequence(str(root)).files]
    return [sorted(path.relative_to(root).as_posix() for path in way) for way in ways]


def test_every_ending_that_is_read_is_found_in_either_case(tmp_path: Path) -> None:
    names = sorted(f"a{suffix}" for suffix in IMAGE_SUFFIXES) + sorted(
        f"B{suffix.upper()}" for suffix in IMAGE_SUFFIXES
    )
    for name in names:
        (tmp_path / name).write_bytes(b"anything")
    assert by_every_way(tmp_path) == [sorted(names)] * 3


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "JPEG2000", "AVIF"])
@pytest.mark.parametrize("name", ["none", "a.jpg_large", "a.dat", "a.jpg!d", "a.heic"])
def test_other_endings_are_read_by_their_content(tmp_path: Path, form: str, name: str) -> None:
    if name == "a.heic" and form == "TIFF":
        pytest.skip("as raw files begin")
    put(tmp_path / name, form)
    (tmp_path / "notes.txt").write_text("BM, II and P6 begin words too")
    assert by_every_way(tmp_path) == [[name]] * 3
    assert load_image(tmp_path / name).shape == (8, 8, 3)


def test_what_other_systems_leave_is_left_out(tmp_path: Path) -> None:
    for name in (*JUNK, "a.png", "desktop.ini"):
        put(tmp_path / name)
    left_out = LeftOut()
    assert found(tmp_path, left_out) == ["a.png"]
    assert left_out.lines() == []
    assert by_every_way(tmp_path) == [["a.png"]] * 3


@pytest.mark.parametrize("name", ["._a.png", "@eaDir/a.png", ".thumbnails/a.png"])
def test_junk_that_is_named_is_read(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / name)
    for named in (path, path.parent if name.count("/") else path):
        items = list(expand([str(named)], LeftOut()))
        assert [item.source for item in items if isinstance(item, NamedSource)] == [path]


def test_a_pattern_passes_over_junk_below_its_wildcards(tmp_path: Path) -> None:
    for name in (*JUNK, "a.png"):
        put(tmp_path / name)
    items = list(expand([str(tmp_path / "**" / "*.png")], LeftOut()))
    assert [item.source for item in items if isinstance(item, NamedSource)] == [tmp_path / "a.png"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_linked_folders_are_searched_once_and_circles_end(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "b.png")
    root = tmp_path / "root"
    put(root / "a.png")
    for name in ("first", "second"):
        (root / name).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere" / "back").symlink_to(root, target_is_directory=True)
    assert found(root) == ["a.png", "first/b.png"]


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
def test_pipes_are_not_waited_for_and_broken_links_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b")
    (tmp_path / "c.jpg").symlink_to(tmp_path / "nowhere")
    left_out = LeftOut()
    assert found(tmp_path, left_out) == []
    assert left_out.lines() == ["left out 1 broken link (the link leads nowhere)"]


HEIC_HEAD = b"\0\0\0\x18ftypheic" + bytes(52)


def test_pictures_that_cannot_be_read_are_counted_with_what_to_do(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    for name in ("b.jxl", "c.JXL", "d.CR2", "e.nef", "f.psd"):
        (tmp_path / name).write_bytes(b"II*\0 and so on")
    (tmp_path / "no-ending").write_bytes(b"\xff\x0a" + bytes(20))
    for name in ("g.HEIC", "h"):
        (tmp_path / name).write_bytes(HEIC_HEAD)
    left_out = LeftOut()
    names = found(tmp_path, left_out)
    heic = {} if HAS_HEIF else {"HEIC": 2}
    assert names == (["a.png", "g.HEIC", "h"] if HAS_HEIF else ["a.png"])
    assert left_out.counts == {"JPEG XL": 3, "raw": 2, "layered": 1, **heic}
    assert "left out 3 JPEG XL files (JPEG XL is not read; export it as JPEG or PNG)" in left_out.lines()


def test_results_are_not_searched_but_where_they_are_named(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    put(tmp_path / "drawn" / "b.png")
    drawn = tmp_path / "drawn"
    assert [path.name for path in search_folder(tmp_path, LeftOut(), without=[drawn])] == ["a.png"]
    assert [path.name for path in search_folder(drawn, LeftOut(), without=[drawn])] == ["b.png"]


def test_a_sequence_keeps_its_times_beside_sidecar_files(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "10.png", "._1.png", "._2.png"):
        put(tmp_path / name)
    (tmp_path / "3.jxl").write_bytes(b"\xff\x0a")
    for name in (str(tmp_path), str(tmp_path / "%d.png")):
        sequence = open_sequence(name, rate=10)
        assert [file.name for file in sequence.files] == ["1.png", "2.png", "10.png"]
    assert open_sequence(str(tmp_path)).warnings == [
        "left out 1 JPEG XL file (JPEG XL is not read; export it as JPEG or PNG)"
    ]


def test_ordinary_names_are_no_junk() -> None:
    assert not any(map(is_junk, ("a.jpg", "_a.jpg", "thumbs", "eaDir", "MACOSX")))
