"""Tables as they come from elsewhere: every bound is kept, and what cannot be read is refused in words."""

import gzip
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.data.fer2013 import LIMITS as PIXEL_LIMITS
from mien.data.fer2013 import read_fer2013
from mien.data.ferplus import LIMITS, read_ferplus, read_label_file
from mien.data.tables import LIST_LIMITS, TableLimits, read_lines, read_rows, shown, whole_number
from mien.errors import DatasetFormatError

REPOSITORY = Path(__file__).parents[2]
HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


@given(st.text(max_size=12))
def test_a_number_is_ascii_digits_and_nothing_else(text: str) -> None:
    expected = None
    stripped = text.strip()
    if stripped and len(stripped) <= 10 and all(letter in "0123456789" for letter in stripped):
        expected = int(stripped) if int(stripped) <= 255 else None
    assert whole_number(text, 255) == expected


@pytest.mark.parametrize("text", ["9" * 5000, "0" * 5000, "1_0", "+5", "-0", "٣", "²", "1.0", "", " ", "0x1"])
def test_numbers_of_other_kinds_are_none(text: str) -> None:
    assert whole_number(text, 255) is None


@pytest.mark.parametrize("value", ["x" * 100_000, b"\xff" * 100_000, "²" * 50, "a\nb" * 50])
def test_values_are_shown_short_and_on_one_line(value: str | bytes) -> None:
    assert len(shown(value)) < 100
    assert "\n" not in shown(value)


@pytest.mark.parametrize("value", ["1_0", "+5", "٣", "9" * 5000, "256"])
def test_votes_that_int_would_take_or_choke_on_are_refused_with_their_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "votes.csv"
    good = "Training,fer0000000.png,10,0,0,0,0,0,0,0,0,0"
    path.write_text(f"{HEADER}\n{good}\n{good.replace('10', value, 1)}\n".replace(f"fer{value}", "fer10"))
    with pytest.raises(DatasetFormatError, match=r"votes\.csv:3: neutral is ") as caught:
        read_ferplus(path)
    assert len(str(caught.value)) < len(str(path)) + 120


@pytest.mark.parametrize("name", ["fer²²²²²²².png", "fer٣.png", f"fer{'1' * 5000}.png", "fer99999999.png"])
def test_image_names_without_a_plain_number_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "label.csv"
    path.write_text(f'{name},"(0, 0, 48, 48)",10,0,0,0,0,0,0,0,0,0\n')
    with pytest.raises(DatasetFormatError, match=r"label\.csv:1: image name is 'fer"):
        read_label_file(path, 0)


def test_a_lost_quote_is_named_with_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    good = "Training,fer0000000.png,10,0,0,0,0,0,0,0,0,0"
    path.write_text("\n".join([HEADER, good, good.replace("fer0", '"fer0'), *[good] * 5000]))
    with pytest.raises(DatasetFormatError, match=r"votes\.csv:3: unexpected end of data"):
        read_ferplus(path)


def gzip_bomb(path: Path, unit: bytes, size: int) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(0, size, len(unit)):
            stream.write(unit)
    return path


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (b"0" * (1 << 20), "bytes without a line end"),
        (b"\n" * (1 << 20), "more than [0-9,]+ lines"),
        (b"0," * (1 << 19), "bytes without a line end"),
    ],
)
@pytest.mark.parametrize("read", [read_fer2013, read_ferplus])
def test_what_unpacks_to_more_than_the_published_file_is_refused_early(
    tmp_path: Path, unit: bytes, message: str, read: Callable[[Path], object]
) -> None:
    path = gzip_bomb(tmp_path / "bomb.csv.gz", unit, 1 << 26)
    with pytest.raises(DatasetFormatError, match=message):
        read(path)


def test_rows_in_order_are_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    path = gzip_bomb(tmp_path / "rows.csv.gz", b"a,b\n" * 1000, 1 << 20)
    limits = TableLimits(max_bytes=100_000, max_line_bytes=100, max_lines=10**9)
    with pytest.raises(DatasetFormatError, match="holds more than 100,000 bytes once unpacked"):
        list(read_rows(path, limits))


@pytest.mark.parametrize("limits", [LIMITS, PIXEL_LIMITS, LIST_LIMITS])
def test_the_bounds_of_a_reader_bound_its_memory(limits: TableLimits) -> None:
    assert limits.max_bytes <= 1 << 30
    assert limits.max_line_bytes <= 1 << 16 < 131_072  # the csv module's own limit


def test_a_header_of_an_archive_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 33
    content = entry.tobuf(tarfile.PAX_FORMAT) + b"0" * (1 << 20)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DatasetFormatError, match="damaged or cut short"):
        read_fer2013(tmp_path / "a.tar.gz")


def test_large_members_before_the_table_are_not_unpacked_without_end(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("video.bin")
    entry.size = 1 << 40
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(entry.tobuf() + b"\0" * (1 << 20)))
    with pytest.raises(DatasetFormatError, match="holds more than 536,870,912 bytes"):
        read_fer2013(tmp_path / "a.tar.xz")


def test_lines_of_any_encoding_but_utf_8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(DatasetFormatError, match=r"list\.txt:1: not a text file"):
        list(read_lines(tmp_path / "list.txt", LIST_LIMITS))


def test_line_numbers_survive_blocks_and_blank_lines(tmp_path: Path) -> None:
    lines = ["" if at % 3 == 0 else "x" * (at * 7919 % 3000 + 1) for at in range(2000)]
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    expected = [(number, line) for number, line in enumerate(lines, 1) if line]
    assert list(read_lines(tmp_path / "list.txt", LIST_LIMITS)) == expected
