import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mien.errors import StorageError
from mien.runtime.files import atomic_file, atomic_folder, file_key, write_text


def write_half_a_file(path: Path) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError


def write_half_a_folder(path: Path) -> None:
    with atomic_folder(path) as temporary:
        (temporary / "half.txt").write_text("half")
        raise ZeroDivisionError


def lose_the_new_folder(path: Path) -> None:
    with atomic_folder(path) as temporary:
        shutil.rmtree(temporary)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half_a_file(path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for content in ("old", "new"):
        with atomic_folder(path) as temporary:
            (temporary / f"{content}.txt").write_text(content)
    with pytest.raises(ZeroDivisionError):
        write_half_a_folder(path)
    assert [file.name for file in path.iterdir()] == ["new.txt"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_older_folder_comes_back_where_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")
    with pytest.raises(StorageError, match="cannot write") as caught:
        lose_the_new_folder(path)
    assert "nothing was changed" in str(caught.value.hint)
    assert (path / "old.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_names_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old.txt").write_text("old")
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.symlink_to(tmp_path / "there.txt")
    folder.symlink_to(tmp_path / "there")
    write_text(file, "new")
    with atomic_folder(folder) as temporary:
        (temporary / "new.txt").write_text("new")
    assert file.is_symlink()
    assert folder.is_symlink()
    assert (tmp_path / "there.txt").read_text() == "new"
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["new.txt"]
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder", "there", "there.txt"}


def test_the_folder_that_one_stands_in_can_be_written_and_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    with pytest.raises(StorageError, match="cannot write"):
        write_text(Path(), "words")
    with atomic_folder(Path()) as temporary:
        (temporary / "new.txt").write_text("new")
    assert [path.name for path in inside.iterdir()] == ["new.txt"]


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        write_text(pipe, "words")
        assert read.result() == "words"
    assert pipe.is_fifo()


def test_all_names_and_links_of_a_file_have_one_key(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.touch()
    other.touch()
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "twin").hardlink_to(file)
    assert file_key(tmp_path / "link") == file_key(tmp_path / "twin") == file_key(file) != file_key(other)


@pytest.mark.parametrize("name", ["absent", "x" * 5000, "null\0byte"])
def test_what_is_no_file_has_a_key_that_no_other_name_has(tmp_path: Path, name: str) -> None:
    assert file_key(tmp_path / name) == file_key(tmp_path / name) != file_key(tmp_path / "another")


def test_names_as_long_as_the_file_system_allows_can_be_written(tmp_path: Path) -> None:
    for name in ("a" * 250 + ".txt", "\u00e4" * 120 + ".txt"):
        write_text(tmp_path / name, "text")
        assert (tmp_path / name).read_text() == "text"
    with atomic_folder(tmp_path / ("b" * 255)) as temporary:
        (temporary / "file").touch()
    assert (tmp_path / ("b" * 255) / "file").exists()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_text_that_is_no_unicode_is_not_lost(tmp_path: Path) -> None:
    write_text(tmp_path / "names.txt", "caf\udce9")
    assert (tmp_path / "names.txt").read_text(encoding="utf-8") == "caf?"
