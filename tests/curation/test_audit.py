"""Findings are those that were put in; the rule and the table say what they promise."""

import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli.app import app
from mien.curation.audit import KINDS, audit_labels, class_noise, mislabeled
from mien.curation.audit_table import automatic_decisions, random_decisions, write_table
from mien.curation.folds import assign_folds, load_probabilities, mean_of_models, out_of_fold, save_probabilities
from mien.curation.framing import misframed
from mien.curation.gallery import write_gallery
from mien.curation.selection import select_images, usefulness
from mien.data.dataset import FerDataset
from mien.data.protocols import distribution
from mien.detection.base import FaceDetection
from mien.errors import ConfigError, DatasetFormatError, MissingDependencyError, ShapeError
from mien.geometry import Box, ByteArray

pytest.importorskip("cleanlab")


def believing(dataset: FerDataset) -> np.ndarray:
    """Probabilities that follow the votes, a little less sure."""
    shares = distribution(np.asarray(dataset.votes))
    return (0.9 * shares + 0.1 / 8).astype(np.float32)


@pytest.fixture
def doubtful(made_dataset: FerDataset) -> FerDataset:
    """Row 0 wrong by the networks, 1 ambiguous, 2 of two minds, 3 half no face, 4 blank."""
    votes, panel = np.array(made_dataset.votes), np.array(made_dataset.panel_votes)
    images = np.array(made_dataset.images)
    votes[:5], panel[:5] = 0, 0
    votes[0, 1] = votes[2, 2] = 10
    votes[1, :8] = 1
    votes[3, [0, 9]] = 4, 6
    votes[4, 0] = 10
    panel[:5] = votes[:5]
    panel[2] = np.roll(votes[2], 1)
    images[4] = 9
    return replace(made_dataset, votes=votes, panel_votes=panel, images=images)


def test_each_kind_is_found_where_it_was_put(doubtful: FerDataset) -> None:
    probabilities = believing(doubtful)
    probabilities[0] = np.roll(probabilities[0], 3)
    audit = audit_labels(doubtful, probabilities)
    found = {finding.position: finding.kinds for finding in audit.findings}
    assert "mislabeled" in found[0]
    assert found[0]["mislabeled"] == pytest.approx(1 - float(probabilities[0, 1]), abs=1e-6)
    assert found[1]["ambiguous"] == pytest.approx(1)
    assert found[2]["panels disagree"] == pytest.approx(1)
    assert found[3]["not a face"] == pytest.approx(0.6)
    assert found[4]["blank"] == pytest.approx(1)
    assert [finding.score for finding in audit.findings] == sorted((f.score for f in audit.findings), reverse=True)
    assert audit.of_kind("mislabeled")[0].position == 0


def test_copies_with_other_votes_are_found_also_where_they_are_not_equal_byte_for_byte(
    made_dataset: FerDataset,
) -> None:
    images, votes = np.array(made_dataset.images), np.zeros((len(made_dataset), 10), np.uint8)
    rng = np.random.default_rng(0)  # nothing alike but the copies
    images[:] = np.kron(rng.integers(0, 256, (len(images), 6, 6, 1), np.uint8), np.ones((1, 8, 8, 1), np.uint8))
    images[7], images[9] = images[3], np.clip(images[3].astype(int) + 2, 0, 255)
    votes[:, 0] = 10
    votes[7, :2] = 5, 5
    votes[9, :2] = 2, 8
    dataset = replace(made_dataset, images=images, votes=votes, panel_votes=None)
    scores = audit_labels(dataset, believing(dataset)).scores["copies differ"]
    expected = np.zeros(len(dataset))
    expected[[3, 7, 9]] = 0.8, 0.5, 0.8  # 10 0 against 2 8; 5 5 against either 10 0; 2 8 against 10 0
    assert scores == pytest.approx(expected)


def test_planted_errors_rank_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 8, 800)
    answers = rng.dirichlet(np.ones(8), 800) * 0.3 + np.eye(8)[truth] * 0.7
    planted = rng.permutation(800)[:40]
    given = truth.copy()
    given[planted] = (truth[planted] + rng.integers(1, 8, 40)) % 8
    scores = mislabeled(np.eye(8)[given], answers.astype(np.float32))
    assert set(np.argsort(-scores)[:40]) == set(planted)


def test_of_a_single_label_the_score_is_cleanlabs_and_votes_count_by_their_number() -> None:
    from cleanlab.rank import get_label_quality_scores

    rng = np.random.default_rng(1)
    answers = rng.dirichlet(np.ones(8), 50)
    labels = rng.integers(0, 8, 50)
    expected = 1 - get_label_quality_scores(labels, answers, method="self_confidence")
    assert mislabeled(np.eye(8)[labels], answers) == pytest.approx(expected)
    half = np.array([[0.5, 0.5, *[0] * 6], [0] * 8])  # as people see it, and no votes
    said = np.array([[0.5, 0.5, *[0] * 6]] * 2)
    assert mislabeled(half, said) == pytest.approx([1 - 0.5**0.5, 0])  # half of the entropy stays


def test_noise_by_class_is_that_of_the_labels_that_were_swapped() -> None:
    truth = np.repeat(np.arange(8), 100)
    labels = truth.copy()
    labels[:20] = 3  # a fifth of the neutral faces is called sad
    noise = class_noise(np.eye(8)[labels], 0.9 * np.eye(8)[truth] + 0.1 / 8)
    assert noise["neutral"] == pytest.approx((0, 0.2), abs=0.01)
    assert noise["sadness"] == pytest.approx((20 / 120, 0), abs=0.01)
    assert noise["fear"] == (0, 0)


def test_the_rule_drops_pools_and_softens_and_leaves_the_test_split(doubtful: FerDataset) -> None:
    probabilities = believing(doubtful)
    probabilities[0] = np.eye(8)[5]
    test = doubtful.split_rows("test")[0]
    probabilities[test] = np.roll(np.eye(8)[int(doubtful.votes[test].argmax())], 1)
    decisions = {d.row: d for d in automatic_decisions(doubtful, audit_labels(doubtful, probabilities))}
    assert decisions[0].votes == (0, 5, 0, 0, 0, 5, 0, 0, 0, 0)
    assert decisions[2].votes == (0, 0, 10, 10, 0, 0, 0, 0, 0, 0)
    assert decisions[3].action == decisions[4].action == "drop"
    assert int(doubtful.rows[test]) not in decisions


def test_random_decisions_do_as_much_to_other_rows(doubtful: FerDataset) -> None:
    probabilities = believing(doubtful)
    probabilities[0] = np.eye(8)[5]
    audit = audit_labels(doubtful, probabilities)
    by_rule, chance = automatic_decisions(doubtful, audit), random_decisions(doubtful, audit, seed=1)
    assert sorted(d.action for d in chance) == sorted(d.action for d in by_rule)
    assert min(d.why for d in chance) == "drop at random"
    assert len({d.row for d in chance}) == len(chance)
    assert not {d.row for d in chance} & set(doubtful.rows[doubtful.split_rows("test")].tolist())
    softened = next(d for d in chance if d.why == "soften at random")
    at = int(np.flatnonzero(doubtful.rows == softened.row)[0])
    assert softened.votes is not None
    assert np.argmax(softened.votes) in {doubtful.votes[at].argmax(), audit.probabilities[at].argmax()}


def test_the_table_has_a_row_a_finding(tmp_path: Path, doubtful: FerDataset) -> None:
    audit = audit_labels(doubtful, believing(doubtful))
    write_table(doubtful, audit, tmp_path / "findings.csv")
    with (tmp_path / "findings.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(audit.findings)
    assert {row["kind"] for row in rows} <= set(KINDS)
    blank = next(row for row in rows if row["row"] == "4")
    assert (blank["blank"], blank["votes_neutral"], blank["split"]) == ("1.0000", "10", "train")


def test_names_that_a_spreadsheet_would_run_are_guarded(tmp_path: Path, doubtful: FerDataset) -> None:
    names = np.array([f"{'=+-@x'[n % 5]}cmd|' /C calc'!A{n}" for n in range(len(doubtful))])
    named = replace(doubtful, names=names)
    audit = audit_labels(named, believing(doubtful))
    for excel_safe in (False, True):
        write_table(named, audit, tmp_path / "findings.csv", excel_safe=excel_safe)
        with (tmp_path / "findings.csv").open() as stream:
            found = [row["image"] for row in csv.DictReader(stream)]
        given = [str(names[finding.position]) for finding in audit.findings]
        assert found == [f"'{name}" if excel_safe and name[0] != "x" else name for name in given]
    assert {name[0] for name in given} == set("=+-@x")


def test_the_table_as_parquet_has_the_same_rows(tmp_path: Path, doubtful: FerDataset) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    audit = audit_labels(doubtful, believing(doubtful))
    for ending in ("csv", "parquet"):
        write_table(doubtful, audit, tmp_path / f"findings.{ending}")
    with (tmp_path / "findings.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    table = parquet.read_table(tmp_path / "findings.parquet").to_pylist()
    assert [{k: f"{v:.4f}" if isinstance(v, float) else str(v) for k, v in row.items()} for row in table] == rows


def test_a_badly_framed_face_is_found_and_a_picture_without_one_is_not(doubtful: FerDataset) -> None:
    class Finds:
        """Sees a face where a picture is bright: at its place in the frame, or in the upper left quarter."""

        name = "whole"
        files: ClassVar[dict[str, str]] = {}

        def detect(self, image: ByteArray) -> tuple[FaceDetection, ...]:
            if image.mean() < 50:
                return ()
            side = 96 if image.mean() < 150 else 48
            return (FaceDetection(Box(24, 24, 24 + side, 24 + side), 1.0),)

    images = np.zeros((3, 48, 48, 1), np.uint8) + np.array([0, 100, 200], np.uint8)[:, None, None, None]
    scores = misframed(images, Finds())
    assert scores == pytest.approx([0, 0, 0.75])
    framing = np.zeros(len(doubtful))
    framing[7] = 0.75
    audit = audit_labels(doubtful, believing(doubtful), framing=framing)
    assert [finding.position for finding in audit.of_kind("badly framed")] == [7]
    with pytest.raises(ShapeError, match=r"framing of shape \(3,\)"):
        audit_labels(doubtful, believing(doubtful), framing=scores)


def test_the_page_holds_every_finding_and_every_picture(tmp_path: Path, doubtful: FerDataset) -> None:
    audit = audit_labels(doubtful, believing(doubtful))
    write_gallery(doubtful, audit, tmp_path / "gallery.html")
    page = (tmp_path / "gallery.html").read_text()
    assert page.count('<script type="text/plain" id="sheet') == -(-len(audit.findings) // 100)
    assert "__" not in page.split("<script id=")[0]
    assert "http:" not in page
    assert "https:" not in page


def test_probabilities_are_kept_and_strangers_arrays_refused(tmp_path: Path, made_dataset: FerDataset) -> None:
    count = len(made_dataset)
    save_probabilities(believing(made_dataset), tmp_path / "p.npy")
    assert (load_probabilities(tmp_path / "p.npy", count) == believing(made_dataset)).all()
    for array, message in (
        (np.zeros((3, 8), np.float32), r"expected float \(158, 8\)"),
        (np.zeros((count, 8), np.float32), "no probabilities"),
        (np.full((count, 8), np.nan, np.float32), "no probabilities"),
        (np.array([None] * count), "cannot be read"),
    ):
        np.save(tmp_path / "bad.npy", array)
        with pytest.raises(DatasetFormatError, match=message):
            load_probabilities(tmp_path / "bad.npy", count)
    with pytest.raises(ShapeError, match="probabilities of shape"):
        audit_labels(made_dataset, np.zeros((3, 8), np.float32))


def test_copies_and_persons_share_a_fold(made_dataset: FerDataset) -> None:
    folds = assign_folds(made_dataset, 4)
    copies = [made_dataset.split_rows(split)[1] for split in ("train", "validation", "test")]
    assert len(set(folds[copies])) == 1
    assert set(folds) == {0, 1, 2, 3}
    persons = np.array([f"p{at % 5}" for at in range(len(made_dataset))])
    by_person = assign_folds(replace(made_dataset, persons=persons), 4)
    assert all(len(set(by_person[persons == p])) == 1 for p in set(persons))
    with pytest.raises(ConfigError, match="folds is 1, expected 2 to 20"):
        assign_folds(made_dataset, 1)


def test_folds_are_trained_apart_and_resume(tmp_path: Path, made_dataset: FerDataset) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('network = "tiny"\nepochs = 1\nbatch_size = 32\nlearning_rate = 0.01\n')
    lines: list[str] = []
    first = out_of_fold(made_dataset, recipe, tmp_path / "folds", folds=2, progress=lines.append)
    assert lines == ["fold 1 of 2", "fold 2 of 2"]
    assert np.allclose(first.sum(axis=1), 1, atol=1e-4)
    next((tmp_path / "folds").glob("fold1-*.npy")).unlink()
    again = out_of_fold(made_dataset, recipe, tmp_path / "folds", folds=2, progress=lines.append)
    assert lines[2:] == ["fold 2 of 2"]
    assert (again == first).all()
    relabeled = replace(made_dataset, votes=np.roll(np.asarray(made_dataset.votes), 1, axis=0))
    out_of_fold(relabeled, recipe, tmp_path / "folds", folds=2, progress=lines.append)
    assert lines[3:] == ["fold 1 of 2", "fold 2 of 2"]  # what was kept belongs to other votes


class Sure:
    """Always the same answer."""

    def __init__(self, column: int, classes: int = 8) -> None:
        self.row = np.eye(classes)[column]

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        return np.repeat(self.row[None], len(images), 0)


def test_models_are_averaged(made_dataset: FerDataset) -> None:
    mean = mean_of_models([Sure(0), Sure(3)], made_dataset.images)
    assert mean[0].tolist() == [0.5, 0, 0, 0.5, 0, 0, 0, 0]
    with pytest.raises(ConfigError, match="answers in 7 classes"):
        mean_of_models([Sure(0, 7)], made_dataset.images)


def test_doubtful_and_different_images_are_chosen(made_dataset: FerDataset) -> None:
    count = len(made_dataset)
    answers = np.zeros((2, count, 8), np.float32)
    answers[:, :, 0] = 1
    answers[1, [4, 9, 11], 0], answers[1, [4, 9, 11], 3] = 0, 1  # they disagree on three
    assert usefulness(answers)[4] == pytest.approx(np.log(2))
    images = np.array(made_dataset.images)
    images[11] = images[4]
    dataset = replace(made_dataset, images=images)
    rows = dataset.split_rows("train")
    assert set(select_images(dataset, answers, 2, rows=rows)) <= set(rows)
    pool = np.array([4, 9, 11])
    assert sorted(select_images(dataset, answers, 3, rows=pool)) == [4, 9]  # the copy is not asked about twice
    with pytest.raises(ConfigError, match="n is 0"):
        select_images(dataset, answers, 0, rows=pool)
    with pytest.raises(ShapeError, match="answers of shape"):
        usefulness(answers[0])


@pytest.mark.parametrize(("package", "options"), [("cleanlab", []), ("pyarrow", ["--parquet"])])
def test_an_audit_without_its_extra_ends_before_anything_is_trained(
    package: str, options: list[str], prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    command = ["data", "audit", str(prepared), "--recipe", "ferplus-audit", "--out", str(tmp_path / "audit"), *options]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, MissingDependencyError)
    assert package in str(result.exception)
    assert not (tmp_path / "audit").exists()
