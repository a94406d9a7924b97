"""A second head for FER2013's own labels, further data sets, frozen parts and teachers that see geometry alone."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset, split_sha256
from mien.data.protocols import select
from mien.data.splits import Split
from mien.errors import ConfigError
from mien.expressions import FER2013_LABELS, FERPLUS_LABELS
from mien.model_file import open_model
from mien.training.batches import ImageBatches
from mien.training.config import FurtherData, TeacherView, TrainingConfig, config_from_dict
from mien.training.distillation import Teachers
from mien.training.export.onnx_export import FilePrecision, export_run
from mien.training.faces import TrainingFaces
from mien.training.initialization import Initialization
from mien.training.refit import labeled_faces, refit_intended
from mien.training.run import train
from mien.training.runs import RunFolder
from mien.training.targets import intended_labels, intended_targets

CPU = torch.device("cpu")
TINY = TrainingConfig("tiny", monitor="kl", epochs=2, batch_size=16, learning_rate=0.02, intended_weight=0.4)


@pytest.fixture(scope="module")
def labeled(made_dataset: FerDataset) -> FerDataset:
    """A set from elsewhere: 24 training and 8 validation faces of 60 pixels, one label each, none of FER2013's."""
    rows = np.concatenate([made_dataset.split_rows("train")[:24], made_dataset.split_rows("validation")[:8]])
    votes = np.zeros((32, 10), np.uint8)
    votes[np.arange(32), np.arange(32) % 3] = 1
    images = np.pad(made_dataset.images[rows], ((0, 0), (6, 6), (6, 6), (0, 0)), mode="edge")
    further = FerDataset(
        images=images,
        splits=np.array([0] * 24 + [1] * 8, np.uint8),
        rows=np.arange(32, dtype=np.int32),
        emotions=np.full(32, 255, np.uint8),
        votes=votes,
        panel_votes=None,
        manifest={},
    )
    sizes: dict[Split, int] = {"train": 24, "validation": 8}
    splits = {name: {"rows": n, "sha256": split_sha256(further, name)} for name, n in sizes.items()}
    return replace(further, manifest={"schema": 1, "rows": 32, "splits": splits, "dropped": {}})


@pytest.fixture(scope="module")
def run(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "two"
    train(TINY, made_dataset, folder, precision="32-true")
    return folder


def test_both_heads_learn_and_each_is_judged(made_dataset: FerDataset, tmp_path: Path) -> None:
    """Made faces with a label of FER2013 that their most voted expression tells."""
    seen = [FERPLUS_LABELS[i] for i in made_dataset.votes[:, :8].argmax(1)]
    meant = [FER2013_LABELS.index(label) if label in FER2013_LABELS.expressions else 255 for label in seen]
    dataset = replace(made_dataset, emotions=np.array(meant, np.uint8))
    train(replace(TINY, epochs=12, augmentation=Augmentation(flip=0.5)), dataset, tmp_path / "run", precision="32-true")
    first, *_, last = RunFolder(tmp_path / "run").read_history()
    assert first.intended_loss is not None
    assert last.intended_loss is not None
    assert last.intended_loss < first.intended_loss
    assert last.kl < first.kl


def test_the_second_heads_metrics_are_those_of_its_answers(run: Path, made_dataset: FerDataset) -> None:
    rows = select(made_dataset, "votes", "validation").indices
    faces = torch.from_numpy(made_dataset.images[rows]).permute(0, 3, 1, 2) / 255
    best = RunFolder(run).read_record().best
    assert best is not None
    with torch.no_grad():
        said = RunFolder(run).load_network()(faces)[:, 8:]
    labels = torch.from_numpy(made_dataset.emotions[rows].astype(np.int64))
    assert said.shape[1] == 7
    assert best.intended_accuracy == pytest.approx(float((said.argmax(1) == labels).float().mean()))
    assert best.intended_loss == pytest.approx(float(torch.nn.functional.cross_entropy(said, labels)), abs=1e-4)


def test_labels_are_smoothed_evenly_and_by_the_votes() -> None:
    """By hand: anger with votes for anger and sadness, fear with votes for contempt alone, and no label."""
    emotions = np.array([0, 2, 255], np.uint8)
    votes = np.zeros((3, 8), np.float32)
    votes[0, [FERPLUS_LABELS.index("anger"), FERPLUS_LABELS.index("sadness")]] = 0.6, 0.4
    votes[1, FERPLUS_LABELS.index("contempt")] = 1
    votes[2, 0] = 1
    targets = intended_targets(intended_labels(emotions), torch.from_numpy(votes), smoothing=0.07, votes_share=0.25)
    anger, sadness, fear = (FER2013_LABELS.index(name) for name in ("anger", "sadness", "fear"))
    assert targets[0, anger] == pytest.approx(0.75 * (0.93 + 0.01) + 0.25 * 0.6)
    assert targets[0, sadness] == pytest.approx(0.75 * 0.01 + 0.25 * 0.4)
    assert targets[1, fear] == pytest.approx(0.93 + 0.01)
    assert not targets[2].any()
    assert torch.allclose(targets.sum(1), torch.tensor([1.0, 1.0, 0.0]))


def test_the_loss_weighs_the_second_head(made_dataset: FerDataset, tmp_path: Path) -> None:
    """The gradients of the first step, as Adam remembers them: twice the weight, twice the second head's."""
    seen = {}
    for weight in (0.4, 0.8):
        config = replace(TINY, intended_weight=weight, epochs=1, batch_size=1000, schedule="constant")
        train(config, made_dataset, tmp_path / str(weight), precision="32-true")
        states = RunFolder(tmp_path / str(weight)).load_last()["optimizer"]["state"]
        [seen[weight]] = [state["exp_avg"] for state in states.values() if state["exp_avg"].shape == (15, 288)]
    assert torch.allclose(seen[0.8][:8], seen[0.4][:8], atol=1e-8)
    assert torch.allclose(seen[0.8][8:], 2 * seen[0.4][8:], atol=1e-7)
    assert seen[0.4][8:].abs().max() > 1e-4


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_file_has_both_outputs_each_calibrated(
    run: Path, made_dataset: FerDataset, tmp_path: Path, precision: FilePrecision
) -> None:
    exported = export_run(run, tmp_path / "two.onnx", dataset=made_dataset, precision=precision, mirror=True)
    assert [output.name for output in onnx.load(exported.path).graph.output] == [
        "probabilities",
        "intended_probabilities",
    ]
    _, metadata = open_model(exported.path)
    assert list(metadata.heads) == ["perceived", "intended"]
    head = metadata.heads["intended"]
    assert (head.output, head.labels) == ("intended_probabilities", FER2013_LABELS)
    assert head.temperature not in {1.0, metadata.temperature}
    rows = select(made_dataset, "votes", "validation").indices
    faces = made_dataset.images[rows].transpose(0, 3, 1, 2).astype(np.float32) / 255
    session = onnxruntime.InferenceSession(str(exported.path), providers=["CPUExecutionProvider"])
    perceived, intended = session.run(["probabilities", "intended_probabilities"], {"images": faces})
    with torch.no_grad():
        logits = RunFolder(run).load_network(mirror=True)(torch.from_numpy(faces))
    tolerance = 1e-5 if precision == "float32" else 0.05
    assert np.allclose(perceived, (logits[:, :8] / metadata.temperature).softmax(1), atol=tolerance)
    assert np.allclose(intended, (logits[:, 8:] / head.temperature).softmax(1), atol=tolerance)
    right = intended.argmax(1) == made_dataset.emotions[rows]
    assert metadata.metrics["validation/fer2013"] == {"n": len(rows), "accuracy": pytest.approx(right.mean())}


def test_one_head_grows_into_two_that_answer_alike(made_dataset: FerDataset, tmp_path: Path) -> None:
    one = replace(TINY, intended_weight=0.0)
    train(one, made_dataset, tmp_path / "one", precision="32-true")
    grown = Initialization(tmp_path / "one").begin(TINY).network.eval()
    faces = torch.rand(4, 1, 48, 48)
    with torch.no_grad():
        both, before = grown(faces), RunFolder(tmp_path / "one").load_network()(faces)
    assert both.shape == (4, 15)
    assert torch.allclose(both[:, :8], before, atol=1e-6)


def test_a_network_with_two_heads_teaches_by_its_first(run: Path) -> None:
    faces = torch.rand(4, 1, 48, 48)
    with torch.no_grad():
        expected = RunFolder(run).load_network()(faces)[:, :8].softmax(1)
    assert torch.allclose(Teachers([run], CPU)(faces), expected, atol=1e-6)


def test_a_further_set_is_trained_on_with_its_own_weights_and_reported(
    made_dataset: FerDataset, labeled: FerDataset, tmp_path: Path
) -> None:
    entry = FurtherData("lab", weight=0.5, class_weight_power=1.0, label_smoothing=0.08)
    config = replace(TINY, data=(entry,))
    faces = TrainingFaces(config, made_dataset, {"lab": labeled}, CPU)
    main = len(select(made_dataset, "votes", "train").indices)
    assert len(faces) == main + 24
    assert torch.equal(faces.weights[:main], torch.ones(main))
    assert float(faces.weights[main:].mean()) == pytest.approx(0.5)
    targets = faces.targets_at(1)
    assert torch.allclose(targets[main:, :8].max(1).values, torch.tensor(0.92 + 0.01))
    assert not targets[main:, 8:].any()  # it says nothing of what was meant
    result = train(config, made_dataset, tmp_path / "run", sets={"lab": labeled}, precision="32-true")
    assert set(result.best.set_accuracy) == {"lab"}
    assert RunFolder(tmp_path / "run").read_history()[-1].set_accuracy["lab"] <= 1
    record = RunFolder(tmp_path / "run").read_record()
    assert record.sets["lab"].splits["train"] == labeled.manifest["splits"]["train"]["sha256"]
    assert train(config, made_dataset, tmp_path / "run", sets={"lab": labeled}, resume=True).epochs == 2


def test_larger_faces_of_a_further_set_are_reduced(labeled: FerDataset) -> None:
    [batch] = ImageBatches([(labeled, np.arange(3))], CPU).in_order()
    whole = torch.from_numpy(labeled.images[:3]).permute(0, 3, 1, 2) / 255
    assert batch.shape == (3, 1, 48, 48)
    assert torch.allclose(batch, torch.nn.functional.interpolate(whole, 48, mode="bilinear", antialias=True))


def test_weights_follow_the_frequency_of_labels(made_dataset: FerDataset, labeled: FerDataset) -> None:
    config = replace(TINY, data=(FurtherData("lab", class_weight_power=1.0),))
    weights = TrainingFaces(config, made_dataset, {"lab": labeled}, CPU).weights[-24:].numpy()
    labels = labeled.votes[:24].argmax(1)
    counts = np.bincount(labels)[labels]
    assert np.allclose(weights * counts, (weights * counts)[0])


def test_sets_share_the_teachers_as_they_say(made_dataset: FerDataset, labeled: FerDataset, run: Path) -> None:
    config = replace(TINY, teacher_share=0.65, data=(FurtherData("lab", teacher_share=0.4),))
    share = TrainingFaces(config, made_dataset, {"lab": labeled}, CPU).teacher_share
    assert isinstance(share, torch.Tensor)
    assert share[:-24].unique().tolist() == [pytest.approx(0.65)]
    assert share[-24:].unique().tolist() == [pytest.approx(0.4)]


def test_data_that_do_not_fit_the_recipe_are_refused_at_once(
    made_dataset: FerDataset, labeled: FerDataset, tmp_path: Path
) -> None:
    with_set = replace(TINY, data=(FurtherData("lab"),))
    unknown = replace(made_dataset, emotions=np.full(len(made_dataset), 255, np.uint8))
    for config, dataset, sets, message in (
        (with_set, made_dataset, {}, "also trains on lab, which is not given"),
        (TINY, made_dataset, {"lab": labeled}, r"data lab are given, but the recipe has no such \[\[data\]\] table"),
        (TINY, unknown, {}, "none of FER2013's own labels"),
    ):
        with pytest.raises(ConfigError, match=message):
            train(config, dataset, tmp_path / "run", sets=sets)
    assert not (tmp_path / "run").exists()


def test_frozen_parts_keep_weights_and_statistics(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(TINY, network="resnet", intended_weight=0.0, epochs=1, batch_size=32)
    train(config, made_dataset, tmp_path / "first", precision="32-true")
    frozen = replace(config, frozen_parts=3, ema_decay=0.9, seed=1)
    train(
        frozen, made_dataset, tmp_path / "next", initialization=Initialization(tmp_path / "first"), precision="32-true"
    )
    before, after = (RunFolder(tmp_path / name).load_best()["network"] for name in ("first", "next"))
    for name in before:
        kept = name.startswith(("stem.", "blocks.0.", "blocks.1."))
        if before[name].is_floating_point():
            assert torch.allclose(before[name], after[name], rtol=1e-6, atol=0) == kept, name
    with pytest.raises(ConfigError, match="frozen_parts is 9 and resnet has 5 parts"):
        train(replace(config, frozen_parts=9), made_dataset, tmp_path / "x")
    with pytest.raises(ConfigError, match="tiny has no parts"):
        train(replace(TINY, frozen_parts=1), made_dataset, tmp_path / "x")


@pytest.mark.parametrize("view", ["geometry", "unerased"])
def test_teachers_see_less_changed_faces(
    made_dataset: FerDataset, run: Path, tmp_path: Path, view: TeacherView
) -> None:
    """One step over all faces, done again by hand."""
    changes = Augmentation(flip=1.0, shift=0.3, gamma=0.6, brightness=0.3, erase=1.0)
    config = replace(
        TINY,
        intended_weight=0.0,
        teacher_share=1.0,
        teaching="consistent",
        teacher_view=view,
        augmentation=changes,
        epochs=1,
        batch_size=1000,
        learning_rate=1e-9,
    )
    started = tmp_path / "start"
    train(replace(TINY, intended_weight=0.0), made_dataset, started, precision="32-true")
    result = train(
        config, made_dataset, tmp_path / "run", initialization=Initialization(started, (run,)), precision="32-true"
    )
    student = RunFolder(started).load_network()
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # lacking in torch's overloads
    student.train()
    rows = select(made_dataset, "votes", "train").indices
    [batch] = ImageBatches([(made_dataset, rows)], CPU).shuffled(1000, changes, seed=config.seed * 104_729 + 1)
    generator = torch.Generator().manual_seed(config.seed * 104_729 + 1)
    at = torch.randperm(len(rows), generator=generator)
    faces = torch.from_numpy(made_dataset.images[rows[at]]).permute(0, 3, 1, 2) / 255
    light = {} if view == "geometry" else {"gamma": 0.6, "brightness": 0.3}
    seen = Augmentation(flip=1.0, shift=0.3, **light)(faces, generator)
    torch.manual_seed(config.seed * 7919 + 1)
    with torch.no_grad():
        said = student(batch.images).log_softmax(1)
    expected = -(Teachers([run], CPU)(seen) * said).sum(1).mean()
    assert torch.allclose(batch.moved if view == "geometry" else batch.unerased, seen)
    assert result.best.train_loss == pytest.approx(float(expected), abs=1e-4)


def test_a_share_of_the_first_weights_is_kept(made_dataset: FerDataset, tmp_path: Path) -> None:
    """Half way from the start to what training reached, and the second head, which the start lacks, as trained."""
    one = replace(TINY, intended_weight=0.0)
    train(one, made_dataset, tmp_path / "one", precision="32-true")
    begun = Initialization(tmp_path / "one")
    config = replace(TINY, start_share=0.5, seed=1)
    train(config, made_dataset, tmp_path / "two", initialization=begun, precision="32-true")
    start = RunFolder(tmp_path / "one").load_best()["network"]
    reached = RunFolder(tmp_path / "two").load_last()["network"]
    record = RunFolder(tmp_path / "two").read_record()
    assert record.best is not None
    assert record.best.epoch == 2
    kept = RunFolder(tmp_path / "two").load_best()["network"]
    for name, values in kept.items():
        if values.is_floating_point():
            rows = len(start[name])
            assert torch.allclose(values[:rows], (start[name] + reached[name][:rows]) / 2, atol=1e-6), name
            assert torch.equal(values[rows:], reached[name][rows:])
    with pytest.raises(ConfigError, match=r"start_share is 0\.5, but no start"):
        train(config, made_dataset, tmp_path / "x")
    train(replace(one, network="resnet", epochs=1), made_dataset, tmp_path / "narrow", precision="32-true")
    wide = replace(config, network="resnet-wide")
    with pytest.raises(ConfigError, match="the start has other channels than the network"):
        train(wide, made_dataset, tmp_path / "x", initialization=Initialization(tmp_path / "narrow"))


def test_gamma_bends_gray_values_within_its_range() -> None:
    faces = torch.full((64, 1, 4, 4), 0.5)
    bent = Augmentation(gamma=0.6)(faces, torch.Generator().manual_seed(0))
    exponents = bent[:, 0, 0, 0].log() / np.log(0.5)
    assert float(exponents.min()) >= np.exp(-0.6) - 1e-5
    assert float(exponents.max()) <= np.exp(0.6) + 1e-5
    assert float(exponents.log().std()) > 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": [{"name": "a"}, {"name": "a"}]}, "a is listed twice"),
        ({"data": [{"name": "a b"}]}, "name is 'a b', expected a word"),
        ({"data": [{"name": "a", "wait": 1}]}, r"\[\[data\]\]: no setting 'wait'"),
        ({"data": [{"name": "a", "teacher_share": 2.0}]}, "teacher_share is 2.0, expected 0 to 1"),
        ({"data": {"name": "a"}}, r"expected tables \[\[data\]\]"),
        ({"teacher_view": "geometry"}, "teacher_view is geometry with teaching fixed"),
        ({"intended_weight": -1.0}, "intended_weight is -1.0, expected 0 or more"),
        ({"model": "tiny"}, "both network and model are set"),
    ],
)
def test_bad_settings_of_sets_and_heads_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_dict({"network": "tiny"} | change)


def test_a_recipe_with_sets_survives_the_way_through_a_dictionary() -> None:
    config = replace(TINY, data=(FurtherData("lab", weight=0.5), FurtherData("b", teacher_share=0.1)))
    assert config_from_dict(config.to_dict()) == config
    assert config.sha256 != replace(config, data=config.data[:1]).sha256
    assert config.sha256 != TINY.sha256


def test_the_second_head_is_fitted_anew_on_the_features(run: Path, made_dataset: FerDataset, tmp_path: Path) -> None:
    """Everything else stays; the new rows are better than the trained ones by what they were fitted for."""
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(run, folder.path)
    refit_intended(folder, made_dataset)
    before, after = RunFolder(run).load_best()["network"], folder.load_best()["network"]
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {after[name].shape[0] for name in changed} == {15}
    assert all(torch.equal(before[name][:8], after[name][:8]) for name in changed)
    rows, labels = labeled_faces(made_dataset, "train")
    faces = torch.from_numpy(made_dataset.images[rows]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        old, new = (RunFolder(path).load_network(mirror=True)(faces)[:, 8:] for path in (run, folder.path))
    assert torch.nn.functional.cross_entropy(new, labels) < torch.nn.functional.cross_entropy(old, labels)
    refit_intended(folder, made_dataset)
    assert all(torch.equal(after[name], values) for name, values in folder.load_best()["network"].items())


def test_a_recipe_may_ask_for_it(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(TINY, epochs=1)
    train(config, made_dataset, tmp_path / "trained", precision="32-true")
    train(replace(config, intended_refit=True), made_dataset, tmp_path / "refit", precision="32-true")
    refit_intended(RunFolder(tmp_path / "trained"), made_dataset)
    one, other = (RunFolder(tmp_path / name).load_best()["network"] for name in ("trained", "refit"))
    assert all(torch.equal(one[name], other[name]) for name in one)
