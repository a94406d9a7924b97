"""Adaptation from labeled faces to a file that every command takes, on a small network and faces made for it."""

import json
import shutil
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import onnx
import pytest
from PIL import Image
from scipy.special import softmax
from typer.testing import CliRunner

from mien.adaptation.labeled import read_labeled
from mien.adaptation.layer import features_of
from mien.adaptation.run import AdaptationResult, adapt, original
from mien.base_rates import BaseRates
from mien.cli.app import app
from mien.data.dataset import FerDataset, write_dataset
from mien.data.splits import SPLITS
from mien.decision import DecisionRule
from mien.errors import AdaptationError, ConfigError, DatasetFormatError, DatasetNotFoundError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS, Expression
from mien.metadata import HeadSpec, ModelMetadata
from mien.recognition.pipeline import load
from mien.recognition.recognizer import load_recognizer
from mien.runtime.files import sha256_of
from tests.small_models import write_model

#: What people around this model call what it calls otherwise: they mix up nothing else.
SWAPPED = {"happiness": "anger", "anger": "happiness"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rule = DecisionRule(FERPLUS_LABELS, (1.0,) * 7 + (1.5,), {"n": 1})
    heads = {"intended": HeadSpec("intended_probabilities", FER2013_LABELS)}
    metadata = ModelMetadata("small", decision=rule, priors=BaseRates.balanced(FERPLUS_LABELS), heads=heads)
    return write_model(tmp_path_factory.mktemp("m") / "small.onnx", metadata, seed=5)


@pytest.fixture(scope="module")
def faces(model: Path) -> tuple[np.ndarray, list[str]]:
    """Gray faces (200, 48, 48) and what people call them: happiness and anger the other way round than the model."""
    images = np.random.default_rng(2).integers(0, 256, (200, 48, 48)).astype(np.uint8)
    named = load_recognizer(model, threads=1).predict_proba(images).argmax(axis=1)
    words = [str(FERPLUS_LABELS[at]) for at in named]
    return images, [SWAPPED.get(word, word) for word in words]


@pytest.fixture(scope="module")
def folder(faces: tuple[np.ndarray, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("labeled")
    for at, (image, word) in enumerate(zip(*faces, strict=True)):
        (top / word).mkdir(exist_ok=True)
        Image.fromarray(image).save(top / word / f"{at:03}.png")
    return top


@pytest.fixture(scope="module")
def adapted(model: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AdaptationResult:
    return adapt(model, folder, tmp_path_factory.mktemp("out") / "mine.onnx")


def test_the_file_computes_the_layer_behind_the_network(
    adapted: AdaptationResult, model: Path, faces: tuple[np.ndarray, list[str]]
) -> None:
    both = load_recognizer(model).predict_heads(faces[0])
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(adapted.path).graph.initializer}
    features = features_of([both[head] for head in adapted.heads])
    expected = softmax(features @ tensors["mien_adapt/matrix"] + tensors["mien_adapt/bias"], axis=1)
    np.testing.assert_allclose(load_recognizer(adapted.path).predict_proba(faces[0]), expected, atol=1e-5)


def test_it_names_as_people_here_do_and_says_what_that_gains(
    adapted: AdaptationResult, model: Path, faces: tuple[np.ndarray, list[str]]
) -> None:
    other = np.random.default_rng(9).integers(0, 256, (400, 48, 48)).astype(np.uint8)
    words = [str(FERPLUS_LABELS[at]) for at in load_recognizer(model).predict_proba(other).argmax(axis=1)]
    truth = [SWAPPED.get(word, word) for word in words]
    named = [str(FERPLUS_LABELS[at]) for at in load_recognizer(adapted.path).predict_proba(other).argmax(axis=1)]
    reached = np.mean([a == b for a, b in zip(named, truth, strict=True)])
    before = np.mean([a == b for a, b in zip(words, truth, strict=True)])
    assert reached > before + 0.1
    assert adapted.after.accuracy.low <= reached <= adapted.after.accuracy.high + 0.05
    assert adapted.gain.value > 0
    assert adapted.certain
    assert adapted.after.log_loss.value < adapted.before.log_loss.value
    assert sum(adapted.labels.values()) == 200


def test_the_record_tells_where_the_file_comes_from(adapted: AdaptationResult, model: Path) -> None:
    metadata = load_recognizer(adapted.path).metadata
    assert metadata == adapted.metadata
    assert (metadata.name, metadata.decision, list(metadata.heads)) == ("small-adapted", None, ["perceived"])
    assert metadata.adaptation["labels"] == dict(adapted.labels)
    assert metadata.adaptation["original"]["sha256"] == sha256_of(model)
    assert "200 labeled faces" in metadata.adaptation["warning"]
    json.dumps(metadata.adaptation)


def test_an_adapted_file_is_adapted_from_what_it_was_before(
    adapted: AdaptationResult, model: Path, folder: Path, faces: tuple[np.ndarray, list[str]], tmp_path: Path
) -> None:
    again = adapt(adapted.path, folder, tmp_path / "again.onnx", name="small-adapted")
    assert again.metadata == adapted.metadata
    np.testing.assert_array_equal(
        load_recognizer(again.path).predict_proba(faces[0]), load_recognizer(adapted.path).predict_proba(faces[0])
    )
    network, metadata = original(adapted.path)
    assert metadata == load_recognizer(model).metadata
    onnx.helper.set_model_props(network, {"mien": metadata.to_json()})
    onnx.save(network, tmp_path / "before.onnx")
    for name, rows in load_recognizer(tmp_path / "before.onnx").predict_heads(faces[0]).items():
        np.testing.assert_array_equal(rows, load_recognizer(model).predict_heads(faces[0])[name])


def test_folder_table_zip_and_prepared_set_give_the_same_faces(
    model: Path, folder: Path, faces: tuple[np.ndarray, list[str]], tmp_path: Path
) -> None:
    pipeline = load(model)
    from_folder = read_labeled(folder, pipeline)
    paths = sorted(folder.rglob("*.png"))
    table = "path,label,person\n" + "".join(f"{p},{p.parent.name.upper()},{at % 7}\n" for at, p in enumerate(paths))
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    from_table = read_labeled(tmp_path / "labels.csv", pipeline)
    with ZipFile(tmp_path / "page.zip", "w") as archive:
        archive.writestr("labels.csv", "file,label\n" + "".join(f"{p.name},{p.parent.name}\n" for p in paths))
        for path in paths:
            archive.write(path, path.name)
    from_zip = read_labeled(tmp_path / "page.zip", pipeline)
    for other in (from_table, from_zip):
        np.testing.assert_array_equal(other.crops, from_folder.crops)
        assert other.labels.tolist() == from_folder.labels.tolist()
        assert other.not_found == 0
    assert set(from_table.persons) == set("0123456")
    images, words = faces
    votes = np.zeros((200, 10), np.uint8)
    votes[np.arange(200), [FERPLUS_LABELS.index(word) for word in words]] = 10
    numbers = np.arange(200, dtype=np.int32)
    splits = (numbers % 2).astype(np.uint8)
    emotions = np.full(200, 255, np.uint8)
    manifest = {"schema": 1, "rows": 200, "splits": {}, "dropped": {}}
    dataset = FerDataset(images[..., None], splits, numbers, emotions, votes, None, manifest)
    write_dataset(dataset.take(numbers), tmp_path / "set")
    prepared = read_labeled(tmp_path / "set", pipeline, split="validation")
    assert len(prepared.labels) == 100
    np.testing.assert_allclose(prepared.crops, images[1::2] / 255, atol=1e-6)
    assert [str(FERPLUS_LABELS[at]) for at in prepared.labels] == words[1::2]


def test_the_zip_of_the_page_is_read_with_its_folder_and_columns(
    model: Path, faces: tuple[np.ndarray, list[str]], tmp_path: Path
) -> None:
    with ZipFile(tmp_path / "labeled-faces.zip", "w") as archive:
        rows = ["path,label,source,face"]
        for at in range(3):
            Image.fromarray(faces[0][at]).save(tmp_path / "crop.png")
            archive.write(tmp_path / "crop.png", f"faces/{at + 1:04}.png")
            rows.append(f'faces/{at + 1:04}.png,{"fear" if at else "sadness"},"party, 2.jpg",{at + 1}')
        archive.writestr("labels.csv", "\n".join(rows) + "\n")
    read = read_labeled(tmp_path / "labeled-faces.zip", load(model))
    assert [str(FERPLUS_LABELS[at]) for at in read.labels] == ["sadness", "fear", "fear"]
    np.testing.assert_allclose(read.crops, faces[0][:3] / 255, atol=1e-6)


def test_a_damaged_picture_in_a_zip_is_reported(
    model: Path, faces: tuple[np.ndarray, list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "page.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("labels.csv", "path,label\na.bmp,fear\n")
        archive.writestr("a.bmp", faces[0][:20].tobytes())
        at = archive.getinfo("a.bmp").header_offset + 60
    content = bytearray(path.read_bytes())
    content[at : at + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(DatasetFormatError, match="not a readable zip"):
        read_labeled(path, load(model))


@pytest.fixture
def audited(faces: tuple[np.ndarray, list[str]], tmp_path: Path) -> tuple[Path, Path]:
    """A prepared set of 12 rows, numbered from 100, the last two of the test split, and decisions on seven of them."""
    votes = np.zeros((12, 10), np.uint8)
    votes[:, 0] = 10  # all neutral
    splits = np.array([0] * 10 + [SPLITS.index("test")] * 2, np.uint8)
    rows, emotions = np.arange(100, 112, dtype=np.int32), np.full(12, 255, np.uint8)
    manifest = {"schema": 1, "rows": 12, "splits": {}, "dropped": {}}
    images = faces[0][:12, ..., None]
    dataset = FerDataset(images, splits, rows, emotions, votes, None, manifest)
    write_dataset(dataset.take(np.arange(12)), tmp_path / "set")
    table = tmp_path / "decisions.csv"
    table.write_text(
        "row,action,votes,why\n101,accept,,\n102,relabel,fear=7 neutral=3,\n103,drop,,\n104,skip,,\n"
        "105,relabel,unknown=9 fear=1,\n110,relabel,anger=1,\n111,accept,,\n"
    )
    return table, tmp_path / "set"


def test_an_audits_decisions_give_the_accepted_and_replaced_labels(
    audited: tuple[Path, Path], model: Path, faces: tuple[np.ndarray, list[str]]
) -> None:
    """Neither dropped and skipped rows nor the test split, nor rows whose new votes name no expression."""
    table, folder = audited
    read = read_labeled(table, load(model), dataset=folder)
    assert [str(FERPLUS_LABELS[at]) for at in read.labels] == ["neutral", "fear"]
    np.testing.assert_allclose(read.crops, faces[0][[1, 2]] / 255, atol=1e-6)


def test_decisions_need_their_data_set_and_nothing_else_takes_one(
    audited: tuple[Path, Path], model: Path, folder: Path
) -> None:
    pipeline = load(model)
    with pytest.raises(ConfigError, match="are given together or not at all"):
        read_labeled(audited[0], pipeline)
    with pytest.raises(ConfigError, match="are given together or not at all"):
        read_labeled(folder, pipeline, dataset=audited[1])


def test_the_command_adapts_to_an_audits_decisions(
    faces: tuple[np.ndarray, list[str]], model: Path, folder: Path, adapted: AdaptationResult, tmp_path: Path
) -> None:
    """Accepting and correcting labels in the gallery gives the model that a folder of the same labels gives."""
    images, words = faces
    order = [int(path.stem) for path in sorted(folder.rglob("*.png"))]  # rows as the folder is read
    votes = np.zeros((200, 10), np.uint8)
    votes[:, 0] = 1
    wanted = [words[at] for at in order]
    rows, emotions = np.arange(200, dtype=np.int32), np.full(200, 255, np.uint8)
    manifest = {"schema": 1, "rows": 200, "splits": {}, "dropped": {}}
    splits = np.zeros(200, np.uint8)
    dataset = FerDataset(images[order][..., None], splits, rows, emotions, votes, None, manifest)
    write_dataset(dataset.take(rows), tmp_path / "set")
    lines = [f"{at},accept,," if word == "neutral" else f"{at},relabel,{word}=1," for at, word in enumerate(wanted)]
    (tmp_path / "decisions.csv").write_text("row,action,votes,why\n" + "\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "mine.onnx"
    arguments = ["adapt", str(model), "--data", str(tmp_path / "decisions.csv"), "--dataset", str(tmp_path / "set")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert result.exit_code == 0, result.exception
    np.testing.assert_allclose(
        load_recognizer(out).predict_proba(images), load_recognizer(adapted.path).predict_proba(images), atol=1e-5
    )


def test_a_photo_is_searched_for_its_face_and_words_are_mapped(model: Path, tmp_path: Path) -> None:
    (tmp_path / "smiling").mkdir()
    Image.fromarray(np.full((200, 120, 3), 128, np.uint8)).save(tmp_path / "smiling" / "wall.jpg")
    faces = read_labeled(tmp_path, load(model), mapped={"smiling": "happiness"})
    assert faces.not_found == 1
    assert FERPLUS_LABELS[int(faces.labels[0])] is Expression.HAPPINESS
    with pytest.raises(DatasetFormatError, match="label 'smiling' is none of neutral"):
        read_labeled(tmp_path, load(model))


def test_what_are_no_labeled_faces_is_refused(model: Path, tmp_path: Path) -> None:
    pipeline = load(model)
    with pytest.raises(DatasetNotFoundError, match="no such folder or file"):
        read_labeled(tmp_path / "none", pipeline)
    with pytest.raises(DatasetFormatError, match="holds no labeled pictures"):
        read_labeled(tmp_path, pipeline)
    (tmp_path / "t.csv").write_text("picture,emotion\na.png,fear\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match=r"columns are \['picture', 'emotion'\], expected path, label"):
        read_labeled(tmp_path / "t.csv", pipeline)
    (tmp_path / "t.csv").write_text("path,label\nmissing.png,fear\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match=r"row 2: missing\.png: "):
        read_labeled(tmp_path / "t.csv", pipeline)
    (tmp_path / "t.zip").write_bytes(b"no zip")
    with pytest.raises(DatasetFormatError, match="not a readable zip"):
        read_labeled(tmp_path / "t.zip", pipeline)
    with ZipFile(tmp_path / "u.zip", "w") as archive:
        archive.writestr("labels.csv", "path,label\n../../x.png,fear\n")
    with pytest.raises(DatasetFormatError, match=r"there is no .*x\.png in it"):
        read_labeled(tmp_path / "u.zip", pipeline)


def test_nothing_is_written_where_nothing_is_gained(tmp_path: Path) -> None:
    """Labels that are drawn from the model's own probabilities leave nothing to learn."""
    model = write_model(tmp_path / "small.onnx", ModelMetadata("small"), seed=5)
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (60, 48, 48)).astype(np.uint8)
    rows = ["path,label"]
    for at, shares in enumerate(load_recognizer(model).predict_proba(images).astype(np.float64)):
        Image.fromarray(images[at]).save(tmp_path / f"{at}.png")
        rows.append(f"{at}.png,{FERPLUS_LABELS[int(rng.choice(8, p=shares / shares.sum()))]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "mine.onnx"
    arguments = ["adapt", str(model), "--data", str(tmp_path / "labels.csv"), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--prior", "as-labeled"])
    assert isinstance(result.exception, AdaptationError)
    assert "nothing was written" in str(result.exception)
    assert not out.exists()
    forced = CliRunner().invoke(app, [*arguments, "--prior", "as-labeled", "--force"])
    assert forced.exit_code == 0
    assert "the interval of the gain includes 0" in forced.stderr
    assert out.exists()


def test_the_command_prints_both_sides_and_the_file_is_used_like_any_other(
    model: Path, folder: Path, tmp_path: Path, adapted: AdaptationResult
) -> None:
    out = tmp_path / "mine.onnx"
    result = CliRunner().invoke(app, ["adapt", str(model), "--data", str(folder), "--out", str(out)])
    assert result.exit_code == 0, result.exception
    assert "200 labeled faces" in result.stdout
    assert f"{adapted.after.accuracy.value:.4f}" in result.stdout
    assert "Fitted to 200 labeled faces" in result.stderr
    assert out.read_bytes() == adapted.path.read_bytes()


def test_a_folder_of_labels_is_searched_as_every_folder_is(model: Path, folder: Path, tmp_path: Path) -> None:
    labeled = tmp_path / "labeled"
    shutil.copytree(folder, labeled)
    first = min(labeled.rglob("*.png"))
    pipeline = load(model)
    before = len(read_labeled(labeled, pipeline).labels)
    first.rename(first.with_suffix(""))  # by its content
    for junk in ("@eaDir", "__MACOSX"):
        (first.parent / junk).mkdir()
        shutil.copyfile(first.with_suffix(""), first.parent / junk / "copy.png")
    assert len(read_labeled(labeled, pipeline).labels) == before
    (first.parent / "phone.jxl").write_bytes(b"\xff\x0a")
    with pytest.raises(DatasetFormatError, match="left out 1 JPEG XL file"):
        read_labeled(labeled, pipeline)


def test_one_label_or_one_person_is_too_little(model: Path, folder: Path, tmp_path: Path) -> None:
    paths = sorted(folder.rglob("*.png"))
    (tmp_path / "one.csv").write_text("path,label\n" + "".join(f"{p},fear\n" for p in paths[:9]), encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="all faces have one label"):
        adapt(model, tmp_path / "one.csv", tmp_path / "mine.onnx")
    rows = "".join(f"{p},{p.parent.name},Ann\n" for p in paths)
    (tmp_path / "ann.csv").write_text("path,label,person\n" + rows, encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="200 labeled faces of 1 people are too few"):
        adapt(model, tmp_path / "ann.csv", tmp_path / "mine.onnx")
