"""What the fuzz tests found, each as the smallest input: once a traceback or a page of text, now one short line."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.batch import merge
from mien.batch.inputs import list_entries
from mien.batch.manifest import JobFolder
from mien.batch.tables_in import table_entries
from mien.curation.handover import read_label_studio
from mien.curation.layouts.tables import HUGGINGFACE
from mien.data.dataset import open_dataset
from mien.errors import DatasetFormatError, MienError
from mien.imaging import load_image
from mien.imaging.folders import LeftOut
from mien.metadata import ModelMetadata
from mien.video.resume import progress_file
from mien.video.sources.animations import is_animation
from tests.fuzz.records import begun_video, made_batch_job, resume_video
from tests.imaging.made import tiff


def manifest_with(**changes: object) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        job = made_batch_job(folder)
        path = job / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return JobFolder(job).read()

    return read


def array_with_a_torn_header(folder: Path) -> object:
    np.save(folder / "images.npy", np.zeros((0, 48, 48, 1), np.uint8))
    content = bytearray((folder / "images.npy").read_bytes())
    content[11] = ord("(")  # of a dictionary that is never closed
    (folder / "images.npy").write_bytes(content)
    (folder / "manifest.json").write_text(
        json.dumps(
            {
                "schema": 1,
                "rows": 0,
                "dropped": {},
                "splits": {split: {"rows": 0, "sha256": ""} for split in ("train", "validation", "test")},
            }
        )
    )
    return open_dataset(folder)


def written(name: str, text: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    def reading(folder: Path) -> object:
        (folder / name).write_text(text)
        return read(folder / name)

    return reading


def metadata_with(**changes: object) -> Callable[[Path], object]:
    record = json.dumps(json.loads(ModelMetadata("small").to_json()) | changes)
    return lambda folder: ModelMetadata.from_json(record, source=f"{folder}/m.onnx")


def state_with(change: Callable[[Any], object]) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        table = begun_video(folder)
        path = progress_file(table)
        document = json.loads(path.read_text())
        del document["checksum"]
        change(document["memory"])
        document["checksum"] = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        path.write_text(json.dumps(document))
        rows = table.read_bytes()
        try:
            return resume_video(table)
        finally:
            assert table.read_bytes() == rows  # what is refused is left as it is

    return read


def track(memory: Any) -> Any:
    return memory["tracker"]["tracks"][0]


_CHOICES = {"result": [{"value": {"choices": [["fear"]]}}]}
FOUND: dict[str, tuple[Callable[[Path], object], str]] = {
    "a list of pictures with a line that no name can be": (
        written("a.txt", "a" * 5000, lambda path: list_entries([str(path)], LeftOut())),
        r"line 1: 'aaa.*…' is not there",
    ),
    "a table of pictures with a header of one long name": (
        written("a.csv", "a" * 60_000 + "\n1\n", lambda path: list(table_entries(path, None, version=""))),
        "no column 'image or bytes",
    ),
    "a choice in Label Studio that is a list": (
        written("t.json", json.dumps([{"data": {"row": 1}, "annotations": [_CHOICES]}]), read_label_studio),
        "choice .* is none of this labeling's",
    ),
    "an array whose header is no Python": (array_with_a_torn_header, r"images\.npy: cannot be read"),
    "labels of a batch job that are no expressions": (manifest_with(labels=[["sadness"]]), "is not a valid Expression"),
    "labels of a batch job that are numbers": (manifest_with(labels=[0.5]), "is not a valid Expression"),
    "inputs of a batch job that are numbers": (manifest_with(inputs=[1]), "a field that is no text"),
    "settings of a batch job that are a list": (manifest_with(settings=[]), "settings or entries of another kind"),
    "labels of a model file as long as a book": (metadata_with(labels=["a" * 70_000]), "not a record of mien"),
    "a model file named by a book": (metadata_with(name="/" * 70_000), "not a record of mien"),
    "a layout of a model file that is a book": (metadata_with(schema="a" * 70_000), "metadata of layout aaa"),
    "a followed face that looks like words": (state_with(lambda m: track(m).update(look=["a"] * 256)), "damaged"),
    "a followed face of another resolution": (state_with(lambda m: track(m).update(look=[0.5] * 9)), "damaged"),
    "a followed face of endless size": (state_with(lambda m: track(m)["motion"].update(place=[1, 1, 1e9])), "damaged"),
    "a followed face without eyes": (state_with(lambda m: track(m).update(landmarks=[None] * 6)), "damaged"),
    "a followed face of a negative variance": (
        state_with(lambda m: track(m)["motion"].update(spread=[[[-1, 0], [0, 1]]] * 3)),
        "a size or a variance out of range",
    ),
    "a mean of other expressions": (state_with(lambda m: m.update(smoother={"1": [0.1, [0.5, 0.5]]})), "damaged"),
    "thumbnails in words": (state_with(lambda m: m["schedule"].update(thumbnails=["a", "b"])), "damaged"),
    "a pause in words": (state_with(lambda m: m["schedule"].update(gap_s="1")), "damaged"),
    "an endless nest in place of a batch job's record": (
        written("manifest.json", "[" * 100_000, lambda path: JobFolder(path.parent).read()),
        "not the record of a batch job",
    ),
}


@pytest.mark.parametrize("kind", FOUND)
def test_what_was_found_is_one_short_line(kind: str, tmp_path: Path) -> None:
    read, words = FOUND[kind]
    with pytest.raises(MienError, match=words) as caught:
        read(tmp_path)
    assert len(str(caught.value)) < len(os.fspath(tmp_path)) + 400


def test_a_field_of_metadata_that_is_a_list_costs_its_row(tmp_path: Path) -> None:
    rows = [{"file_name": ["a.png"], "label": "fear"}, {"file_name": "b.png", "label": {"a": 1}}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert len(list(HUGGINGFACE.read(tmp_path))) == 2


@pytest.mark.filterwarnings("error")
def test_floats_beyond_all_bounds_are_read_without_a_warning() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    values.view(np.uint32)[0, 0] = 0x7F800001  # a signaling NaN
    values[0, 1:4] = 3e38, -3e38, np.inf
    assert load_image(tiff(values)).shape == (8, 8, 3)


def test_a_moving_picture_whose_second_frame_is_damaged_is_read_or_refused(tmp_path: Path) -> None:
    first, second = (Image.new("P", (8, 8), shade) for shade in (1, 2))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=80)
    content = (tmp_path / "a.gif").read_bytes()
    at = content.rindex(b"\x21\xf9\x04")
    (tmp_path / "a.gif").write_bytes(content[: at + 2] + b"\x02" + content[at + 3 :])  # a block that is too short
    assert not is_animation(tmp_path / "a.gif")


def test_a_part_of_a_batch_job_without_its_columns_is_named(tmp_path: Path) -> None:
    job = made_batch_job(tmp_path)
    part = job / "part-000000.parquet"
    record = pq.read_schema(part).metadata
    pq.write_table(pa.table({"source": ["a"], "other": [1]}).replace_schema_metadata(record), part)
    with pytest.raises(DatasetFormatError, match=r"part-000000\.parquet: .* without the column"):
        merge(job, tmp_path / "all.csv")


@pytest.mark.parametrize("name", ["manifest.json", "entries.jsonl", "part-000000.parquet"])
def test_a_pipe_in_a_batch_job_does_not_hold_up_its_reader(tmp_path: Path, name: str) -> None:
    job = made_batch_job(tmp_path)
    (job / name).unlink()
    os.mkfifo(job / name)
    if name.endswith(".parquet"):
        folder = JobFolder(job)
        parts = folder.read()[1]
        assert folder.record(parts[0]) is None
        return
    with pytest.raises(MienError, match=r"not a regular file|no batch job|not the record"):
        JobFolder(job).read()
