"""A job's rows: those of the library, whatever happens to the job on its way."""

import io
import json
import pickle
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mien
from mien.batch import BatchSettings, merge, run, status
from mien.batch.inputs import list_entries
from mien.batch.settings import Engine
from mien.errors import CheckpointError, ConfigError, DatasetFormatError, MissingDependencyError, SourceError
from mien.imaging.folders import LeftOut
from tests.batch.made import SETTINGS, files, noise, rows, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that nothing disturbed. Not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "job"
    run([pictures], out, settings=SETTINGS)
    return out


def test_the_rows_are_those_of_the_library(pictures: Path, whole: Path) -> None:
    pipeline = mien.load(threads=1)
    expected = [(path, pipeline.predict(path)) for path in sorted(pictures.iterdir())]
    found = rows(whole)
    assert [row["source"] for row in found] == [str(path) for path, _ in expected]  # at most one face in each
    for row, (_, result) in zip(found, expected, strict=True):
        assert (row["face"] is not None) == bool(result.faces)
        for face in result.faces:
            assert [row[key] for key in ("left", "top", "right", "bottom")] == pytest.approx(
                list(face.detection.box.to_dict().values())
            )
            assert row["expression"] == str(face.expression)
            assert [row[str(label)] for label in mien.FERPLUS_LABELS] == pytest.approx(face.probabilities.row, abs=1e-6)


@pytest.mark.parametrize(("engine", "package"), [("local", "pyarrow"), ("ray", "ray")])
def test_a_job_without_its_extra_does_not_begin(
    engine: Engine, package: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"{package} is not installed"):
        run([pictures], tmp_path / "job", settings=SETTINGS, engine=engine)
    assert not (tmp_path / "job").exists()


def test_counts_and_summary_agree_with_the_rows(whole: Path) -> None:
    found = rows(whole)
    counted = status(whole)
    assert (counted.entries, counted.pictures, counted.parts, counted.done) == (8, 8, 3, True)
    assert counted.faces == sum(row["face"] is not None for row in found)
    summary = json.loads((whole / "summary.json").read_text())
    assert sum(summary["expressions"].values()) + summary["unnamed"] == counted.faces
    assert "not what a person feels" in (whole / "summary.html").read_text()


def test_a_finished_job_is_not_read_again(pictures: Path, whole: Path, tmp_path: Path) -> None:
    job = shutil.copytree(whole, tmp_path / "job")
    before = {path.name: path.stat().st_mtime_ns for path in job.glob("part-*")}
    told: list[int] = []
    run([pictures], job, settings=SETTINGS, resume=True, progress=lambda at: told.append(at.pictures))
    assert not told
    assert {path.name: path.stat().st_mtime_ns for path in job.glob("part-*")} == before


def test_a_missing_or_cut_part_is_read_again_to_the_same_bytes(pictures: Path, whole: Path, tmp_path: Path) -> None:
    job = shutil.copytree(whole, tmp_path / "job")
    (job / "part-000000.parquet").unlink()
    cut = job / "part-000002.parquet"
    cut.write_bytes(cut.read_bytes()[:100])
    assert status(job).parts_done == 1
    run([pictures], job, settings=SETTINGS, resume=True)
    assert files(job) == files(whole)


@pytest.mark.parametrize(
    "left", [[".entries.next.jsonl.7.part"], ["entries.next.jsonl"], ["entries.next.jsonl", ".manifest.json.7.part"]]
)
def test_a_job_killed_before_its_record_was_written_begins_again(
    pictures: Path, whole: Path, tmp_path: Path, left: list[str]
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    for name in left:
        (job / name).write_bytes((whole / "entries.jsonl").read_bytes() if name == "entries.next.jsonl" else b"{")
    run([pictures], job, settings=SETTINGS, resume=True)
    assert files(job) == files(whole)


@pytest.mark.parametrize("killed", ["before its record", "after its record"])
def test_an_update_killed_between_plan_and_record_goes_on(pictures: Path, tmp_path: Path, killed: str) -> None:
    source, job = shutil.copytree(pictures, tmp_path / "source"), tmp_path / "job"
    run([source], job, settings=SETTINGS)
    before = shutil.copytree(job, tmp_path / "before")
    noise(2).save(source / "picture100.png")
    run([source], job, settings=SETTINGS, update=True)
    undisturbed = files(job)
    # as a kill leaves the folder: the next plan is written, and the record is the old or the new one
    shutil.copy(job / "entries.jsonl", before / "entries.next.jsonl")
    if killed == "after its record":
        shutil.copy(job / "manifest.json", before / "manifest.json")
    assert status(before).parts_done == 3
    run([source], before, settings=SETTINGS, update=True)
    assert files(before) == undisturbed
    noise(3).save(source / "picture101.png")
    run([source], before, settings=SETTINGS, update=True)
    assert status(before).pictures == 10


def test_a_plan_that_is_not_ours_is_not_replaced(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "entries.jsonl").write_text('{"name": "of the user"}\n')
    with pytest.raises(ConfigError, match="holds something else"):
        run([pictures], tmp_path, settings=SETTINGS, resume=True)


def test_a_changed_input_needs_update_which_reads_the_new_and_drops_the_gone(pictures: Path, tmp_path: Path) -> None:
    source = shutil.copytree(pictures, tmp_path / "source")
    job = tmp_path / "job"
    run([source], job, settings=SETTINGS)
    (source / "picture001.jpg").unlink()
    noise(1).save(source / "picture004.jpeg")
    noise(2).save(source / "picture100.png")
    with pytest.raises(CheckpointError, match="2 new or changed, 2 gone or changed"):
        run([source], job, settings=SETTINGS, resume=True)
    counted = run([source], job, settings=SETTINGS, update=True)
    assert counted.pictures == counted.entries == 8
    fresh = tmp_path / "fresh"
    run([source], fresh, settings=SETTINGS)
    by_name = [sorted(rows(folder), key=lambda row: str(row["source"])) for folder in (job, fresh)]
    for updated, new in zip(*by_name, strict=True):
        assert {k: v for k, v in updated.items() if not isinstance(v, float)} == {
            k: v for k, v in new.items() if not isinstance(v, float)
        }


def test_another_setting_model_or_a_folder_of_other_things_is_refused(
    pictures: Path, whole: Path, tmp_path: Path
) -> None:
    job = shutil.copytree(whole, tmp_path / "job")
    with pytest.raises(CheckpointError, match="holds a job already"):
        run([pictures], job, settings=SETTINGS)
    with pytest.raises(CheckpointError, match="another min_confidence"):
        run([pictures], job, settings=BatchSettings(part_size=3, min_confidence=0.5), resume=True)
    with pytest.raises(CheckpointError, match="another model"):
        run([pictures], job, settings=BatchSettings(part_size=3, model="resnet"), resume=True)
    with pytest.raises(ConfigError, match="holds something else"):
        run([pictures], pictures, settings=SETTINGS)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("manifest.json", lambda text: text.replace('"entries": 8', '"entries": 7')),
        ("manifest.json", lambda text: text.replace('"schema": 1', '"schema": 9')),
        ("manifest.json", lambda text: text[:40]),
        ("entries.jsonl", lambda text: text.replace('"part": 0', '"part": "../../x"', 1)),
        ("entries.jsonl", lambda text: text.replace("picture000", "picture999", 1)),
    ],
)
def test_a_record_that_was_edited_is_refused(whole: Path, tmp_path: Path, file: str, change: object) -> None:
    job = shutil.copytree(whole, tmp_path / "job")
    path = job / file
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=r"manifest\.json|entries\.jsonl"):
        status(job)


def test_pictures_that_cannot_be_read_cost_themselves_alone(pictures: Path, tmp_path: Path) -> None:
    source = shutil.copytree(pictures, tmp_path / "source")
    (source / "picture000a.png").write_bytes((source / "picture000.png").read_bytes()[:200])
    (source / "picture000b.jpg").write_text("no picture")
    (source / "picture000c.png").touch()
    counted = run([source], tmp_path / "job", settings=SETTINGS)
    assert (counted.failed, counted.pictures) == (3, 11)
    failed = [row for row in rows(tmp_path / "job") if row["error_type"]]
    assert [Path(str(row["source"])).name for row in failed] == [
        "picture000a.png",
        "picture000b.jpg",
        "picture000c.png",
    ]
    assert all(row["face"] is None and row["error"] for row in failed)
    assert not any(str(row["source"]) in str(row["error"]) for row in failed)
    summary = json.loads((tmp_path / "job" / "summary.json").read_text())
    assert summary["failed"] == 3
    assert sum(summary["faces_of_a_picture"].values()) == 8  # pictures that failed show no number of faces


def test_archives_tables_and_lists_give_the_rows_of_the_files(pictures: Path, whole: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in pictures.iterdir())
    with tarfile.open(tmp_path / "a.tar", "w") as archive, zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for name in names:
            archive.add(pictures / name, name)
            packed.write(pictures / name, name)
        _add(archive, "picture000.pyd", pickle.dumps(print))
        _add(archive, "__MACOSX/._picture000.png", b"junk")
    contents = [(pictures / name).read_bytes() for name in names]
    pq.write_table(pa.table({"image": contents}), tmp_path / "c.parquet")
    pq.write_table(
        pa.table({"image": [{"bytes": content, "path": name} for content, name in zip(contents, names, strict=True)]}),
        tmp_path / "d.parquet",
    )
    (tmp_path / "e.csv").write_text("path\n" + "".join(f"{pictures / name}\n" for name in names))
    (tmp_path / "f.txt").write_text("# ours\n" + "".join(f"{pictures / name}\n" for name in names))
    expected = [{k: v for k, v in row.items() if k != "source"} for row in rows(whole)]
    for name in ("a.tar", "b.zip", "c.parquet", "d.parquet", "e.csv", "f.txt"):
        run([tmp_path / name], tmp_path / f"job-{name}", settings=SETTINGS)
        found = rows(tmp_path / f"job-{name}")
        assert [{k: v for k, v in row.items() if k != "source"} for row in found] == expected, name


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def test_an_archive_that_was_cut_after_it_was_listed_loses_only_its_rest(pictures: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(pictures.iterdir()):
            packed.write(path, path.name)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[200:260] = bytes(60)  # inside the first member
    (tmp_path / "a.zip").write_bytes(content)
    counted = run([tmp_path / "a.zip"], tmp_path / "job", settings=SETTINGS)
    assert (counted.pictures, counted.failed) == (8, 1)


def test_nothing_to_read_and_names_that_come_twice_are_told(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no pictures or videos there"):
        run([tmp_path / "empty"], tmp_path / "job")
    with pytest.raises(SourceError, match="not there"):
        run([tmp_path / "nowhere"], tmp_path / "job")
    with pytest.raises(ConfigError, match="comes twice"):
        run([pictures, pictures / "picture000.png"], tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_folders_behind_links_are_searched_once_and_junk_is_left_out(pictures: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_pictures(source / "inner", 2)
    (source / "loop").symlink_to(source)
    (source / "elsewhere").symlink_to(pictures)
    for junk in (".hidden.png", "._x.png", "@eaDir/x.png", ".thumbnails/y.png"):
        (source / junk).parent.mkdir(exist_ok=True)
        (source / junk).write_bytes(b"junk")
    counted = run([source], tmp_path / "job", settings=SETTINGS)
    assert (counted.entries, counted.failed) == (10, 0)


def test_patterns_leave_out_junk_and_read_lists_only_where_they_are_named(pictures: Path, tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "source", 2)
    for junk in ("._x.png", "@eaDir/x.png", "__MACOSX/y.png", "Thumbs.db/z.png"):
        (source / junk).parent.mkdir(exist_ok=True)
        (source / junk).write_bytes(b"junk")
    (source / "notes.txt").write_text("no path\n")
    (tmp_path / "ours.txt").write_text(f"{pictures / 'picture000.png'}\n")
    names = [Path(entry.name).name for entry in list_entries([str(source / "**" / "*")], LeftOut())]
    assert names == ["picture000.png", "picture001.jpg"]
    listed = list_entries([str(tmp_path / "*.txt")], LeftOut())
    assert [entry.name for entry in listed] == [str(pictures / "picture000.png")]


def test_videos_in_archives_are_read_as_videos(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs mien[video]")
    from tests.videos import scene, write_video

    video = write_video(tmp_path / "clip.mp4", [scene([(100 + 5 * at, 100, 240)]) for at in range(5)])
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(video, "inner/clip.mp4")
    settings = BatchSettings(workers=1, fps=25)
    run([video], tmp_path / "file", settings=settings)
    run([tmp_path / "a.tar"], tmp_path / "tar", settings=settings)
    first, second = ([{**row, "source": ""} for row in rows(tmp_path / name)] for name in ("file", "tar"))
    assert first == second
    assert len({row["frame"] for row in first}) == 5


def test_crops_and_thumbnails_are_kept_where_wanted(pictures: Path, tmp_path: Path) -> None:
    settings = BatchSettings(part_size=100, workers=1, crops=True, thumbnails=True)
    counted = run([pictures], tmp_path / "job", settings=settings)
    crops = pq.read_table(tmp_path / "job" / "crops-000000.parquet").to_pylist()
    thumbnails = pq.read_table(tmp_path / "job" / "thumbnails-000000.parquet").to_pylist()
    assert (len(crops), len(thumbnails)) == (counted.faces, counted.pictures)
    assert mien.load_image(crops[0]["webp"]).shape == (48, 48, 3)
    assert mien.load_image(thumbnails[0]["webp"]).shape == (240, 240, 3)


def test_merged_rows_are_the_rows(whole: Path, tmp_path: Path) -> None:
    assert merge(whole, tmp_path / "all.parquet") == merge(whole, tmp_path / "all.csv") == len(rows(whole))
    assert pq.read_table(tmp_path / "all.parquet").to_pylist() == rows(whole)
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert lines[0].split(",")[:3] == ["source", "width", "height"]
    job = shutil.copytree(whole, tmp_path / "job")
    (job / "part-000001.parquet").unlink()
    with pytest.raises(CheckpointError, match="2 of 3 parts are done"):
        merge(job, tmp_path / "some.csv")
    assert merge(job, tmp_path / "some.csv", partial=True) < len(rows(whole))
    with pytest.raises(ConfigError, match=r"ends in \.parquet or \.csv"):
        merge(whole, tmp_path / "all.xlsx")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_part_that_lacks_a_column_is_named(whole: Path, tmp_path: Path, ending: str) -> None:
    job = tmp_path / "job"
    shutil.copytree(whole, job)
    part = sorted(job.glob("part-*.parquet"))[1]
    table = pq.read_table(part)
    pq.write_table(table.drop_columns(["probability"]), part)
    with pytest.raises(DatasetFormatError, match=rf"{part.name}: .*probability"):
        merge(job, tmp_path / f"all.{ending}")
    assert not (tmp_path / f"all.{ending}").exists()
