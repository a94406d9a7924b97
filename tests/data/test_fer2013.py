import bz2
import gzip
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.data.fer2013 import read_fer2013
from mien.data.pixel_blocks import PIXELS
from mien.errors import DatasetFormatError, DatasetNotFoundError

HEADER = b"emotion,pixels,Usage"
GOOD = b" ".join(b"%d" % (i % 256) for i in range(PIXELS))
BACKWARDS = b" ".join(reversed(GOOD.split()))
ROW = b"3," + GOOD + b",Training"

ARCHIVES = ("a.csv.xz", "a.csv.gz", "a.csv.bz2", "a.zip", "a.tar.gz")


def write(folder: Path, *lines: bytes, name: str = "fer2013.csv", end: bytes = b"\n") -> Path:
    path = folder / name
    path.write_bytes(end.join(lines) + end)
    return path


def test_reads_every_pixel_split_and_emotion(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, ROW, b"6," + BACKWARDS + b",PrivateTest")
    result = read_fer2013(path)
    assert result.images.shape == (2, 48, 48, 1)
    assert result.images[0].ravel().tolist() == [i % 256 for i in range(PIXELS)]
    assert (result.images[1].ravel() == result.images[0].ravel()[::-1]).all()
    assert result.splits.tolist() == [0, 2]
    assert result.emotions.tolist() == [3, 6]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=arrays(np.uint8, (3, PIXELS)))
def test_block_arithmetic_agrees_with_int_of_each_word(tmp_path: Path, pixels: np.ndarray) -> None:
    rows = [b"0," + " ".join(map(str, row)).encode() + b",Training" for row in pixels]
    assert (read_fer2013(write(tmp_path, HEADER, *rows)).images.reshape(3, -1) == pixels).all()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(
        st.sampled_from([b"0", b"00", b"007", b"0007", b"10", b"099", b"255", b"256", b"299", b"300", b"1000"])
    )
)
def test_block_arithmetic_takes_and_refuses_what_int_does(tmp_path: Path, words: list[bytes]) -> None:
    row = b" ".join((words + [b"3"] * PIXELS)[:PIXELS])
    path = write(tmp_path, HEADER, ROW, b"0," + row + b",PublicTest")
    if any(int(word) > 255 for word in words):
        with pytest.raises(DatasetFormatError, match=r"fer2013.csv:3: pixel \d+ is"):
            read_fer2013(path)
    else:
        assert read_fer2013(path).images[1].ravel().tolist() == [int(word) for word in row.split()]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (GOOD.rsplit(b" ", 1)[0], r"fer2013.csv:3: expected 2304 pixels \(48×48\), found 2303"),
        (GOOD + b" 7", r"fer2013.csv:3: expected 2304 pixels .* found 2305"),
        (b"256 " + GOOD.split(b" ", 1)[1], r"fer2013.csv:3: pixel 0 is '256'"),
        (b"1000 " + GOOD.split(b" ", 1)[1], r"fer2013.csv:3: pixel 0 is '1000'"),
        (GOOD.rsplit(b" ", 1)[0] + b" cat", r"fer2013.csv:3: pixel 2303 is 'cat'"),
        (b"-1 " + GOOD.split(b" ", 1)[1], r"fer2013.csv:3: pixel 0 is '-1'"),
        (b"", r"fer2013.csv:3: expected 2304 pixels .* found 0"),
    ],
)
def test_a_bad_row_is_named_with_what_is_wrong(tmp_path: Path, pixels: bytes, message: str) -> None:
    path = write(tmp_path, HEADER, ROW, b"0," + pixels + b",Training", ROW)
    with pytest.raises(DatasetFormatError, match=message):
        read_fer2013(path)


def test_a_row_too_short_and_one_too_long_do_not_cancel_out(tmp_path: Path) -> None:
    short, long = GOOD.rsplit(b" ", 1)[0], GOOD + b" 7"
    path = write(tmp_path, HEADER, b"0," + short + b",Training", b"0," + long + b",Training")
    with pytest.raises(DatasetFormatError, match=r"fer2013.csv:2: expected 2304 pixels .* found 2303"):
        read_fer2013(path)


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (b"emotion,Usage", b"3,Training", "1: no column pixels"),
        (HEADER, b"3," + GOOD + b",Exam", "2: Usage is 'Exam', expected one of Training"),
        (HEADER, b"9," + GOOD + b",Training", "2: emotion is '9'"),
        (HEADER, b"just text", "2: expected 3 fields, found 1"),
    ],
)
def test_a_bad_header_or_field_is_named(tmp_path: Path, header: bytes, row: bytes, message: str) -> None:
    with pytest.raises(DatasetFormatError, match=message):
        read_fer2013(write(tmp_path, header, row))


def test_an_empty_file_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DatasetFormatError, match="no rows"):
        read_fer2013(tmp_path / "empty.csv")


def test_an_absent_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no such file"):
        read_fer2013(tmp_path / "fer2013.csv")


def test_mark_crlf_quotes_blank_lines_and_other_column_order_read_the_same(tmp_path: Path) -> None:
    plain = read_fer2013(write(tmp_path, HEADER, ROW, ROW))
    odd = tmp_path / "odd.csv"
    row = b'Training,"' + GOOD + b'",3'
    odd.write_bytes(b"\r\n".join([b'\xef\xbb\xbf"Usage", "pixels", "emotion"', row, b"", row, b""]))
    other = read_fer2013(odd)
    assert (other.images == plain.images).all()
    assert other.emotions.tolist() == plain.emotions.tolist()


def test_rows_that_span_blocks_are_whole(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, *[ROW] * 400)  # several blocks of 1 MiB
    assert path.stat().st_size > 3 << 20
    images = read_fer2013(path).images
    assert images.shape[0] == 400
    assert (images == images[0]).all()


def test_archives_give_the_rows_of_the_plain_file(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, ROW, ROW)
    content = path.read_bytes()
    (tmp_path / "a.csv.xz").write_bytes(lzma.compress(content))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "a.csv.bz2").write_bytes(bz2.compress(content))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
        archive.writestr("fer2013/fer2013.csv", content)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(path, "fer2013/fer2013.csv")
    plain = read_fer2013(path)
    for name in ARCHIVES:
        packed = read_fer2013(tmp_path / name)
        assert (packed.images == plain.images).all(), name
        assert packed.sha256 == plain.sha256, name


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_truncated_archive_says_so(tmp_path: Path, name: str) -> None:
    test_archives_give_the_rows_of_the_plain_file(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DatasetFormatError, match="damaged or cut short"):
        read_fer2013(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.xz", "a.csv.gz", "a.csv.bz2"])
def test_an_archive_with_a_flipped_byte_says_so(tmp_path: Path, name: str) -> None:
    test_archives_give_the_rows_of_the_plain_file(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetFormatError, match="damaged or cut short"):
        read_fer2013(tmp_path / name)


def test_an_archive_without_a_table_says_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(DatasetFormatError, match=r"no \.csv file among its 1 members"):
        read_fer2013(tmp_path / "a.zip")


def test_an_encrypted_archive_says_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("fer2013.csv", "x")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[6] |= 1  # the flag of encryption, in the file's own header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DatasetFormatError, match="encrypted"):
        read_fer2013(tmp_path / "a.zip")
