import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset
from mien.data.protocols import select
from mien.errors import CheckpointError, ConfigError
from mien.training.batches import ImageBatches
from mien.training.config import TrainingConfig
from mien.training.distillation import Teachers
from mien.training.initialization import Initialization
from mien.training.mixing import mix
from mien.training.run import train
from mien.training.runs import RunFolder

TINY = TrainingConfig("tiny", monitor="kl", epochs=3, batch_size=16, learning_rate=0.02)
Runs = tuple[Path, Path]
STUDENT = replace(TINY, teacher_share=1.0, seed=1)


@pytest.fixture(scope="module")
def teachers(made_dataset: FerDataset, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("teachers")
    for seed in (0, 1):
        train(replace(TINY, seed=seed), made_dataset, folder / str(seed), precision="32-true")
    return folder / "0", folder / "1"


def test_a_student_is_trained_towards_the_mean_of_its_teachers(
    made_dataset: FerDataset, teachers: Runs, tmp_path: Path
) -> None:
    train(
        STUDENT, made_dataset, tmp_path / "run", initialization=Initialization(teachers=teachers), precision="32-true"
    )
    kept = RunFolder(tmp_path / "run").load_answers()
    assert kept is not None
    rows = select(made_dataset, "votes", "train")
    faces = torch.from_numpy(made_dataset.images[rows.indices]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        networks = [RunFolder(teacher).load_network() for teacher in teachers]
        expected = sum(((net(faces) + net(faces.flip(3))) / 2).softmax(1) for net in networks) / 2
    assert torch.allclose(kept, expected, atol=1e-5)
    record = RunFolder(tmp_path / "run").read_record()
    assert [teacher.name for teacher in record.teachers] == ["0", "1"]
    assert record.teachers[0].weights_sha256 == hashlib.sha256((teachers[0] / "best.pt").read_bytes()).hexdigest()


def test_the_share_mixes_votes_and_teachers(made_dataset: FerDataset, teachers: Runs, tmp_path: Path) -> None:
    """Three runs from one seed: the loss of the first epoch's first step is linear in the targets."""
    losses = {}
    for share in (0.0, 0.4, 1.0):
        config = replace(STUDENT, teacher_share=share, epochs=1, batch_size=1000, learning_rate=1e-9)
        folder = tmp_path / str(share)
        result = train(
            config,
            made_dataset,
            folder,
            initialization=Initialization(teachers=teachers) if share else Initialization(),
            precision="32-true",
        )
        losses[share] = result.best.train_loss
    assert losses[0.0] != pytest.approx(losses[1.0], abs=1e-3)
    assert losses[0.4] == pytest.approx(0.6 * losses[0.0] + 0.4 * losses[1.0], abs=1e-4)


def test_a_resumed_student_wants_the_same_teachers(made_dataset: FerDataset, teachers: Runs, tmp_path: Path) -> None:
    train(STUDENT, made_dataset, tmp_path / "run", initialization=Initialization(teachers=teachers))
    again = train(
        STUDENT, made_dataset, tmp_path / "run", initialization=Initialization(teachers=teachers), resume=True
    )
    assert again.epochs == STUDENT.epochs
    with pytest.raises(CheckpointError, match="was run with other teachers"):
        train(
            STUDENT, made_dataset, tmp_path / "run", initialization=Initialization(teachers=teachers[:1]), resume=True
        )


def test_teachers_and_their_share_go_together(made_dataset: FerDataset, teachers: Runs, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"teacher_share is 1.0, but 0 teachers"):
        train(STUDENT, made_dataset, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"teacher_share is 0.0, but 2 teachers"):
        train(TINY, made_dataset, tmp_path / "run", initialization=Initialization(teachers=teachers))
    with pytest.raises(CheckpointError, match="not a run folder"):
        train(STUDENT, made_dataset, tmp_path / "run", initialization=Initialization(teachers=(tmp_path,)))


def test_a_run_without_weights_cannot_be_a_teacher(made_dataset: FerDataset, teachers: Runs, tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    shutil.copy(teachers[0] / "run.json", tmp_path / "begun")
    with pytest.raises(CheckpointError, match="holds no weights yet"):
        train(STUDENT, made_dataset, tmp_path / "run", initialization=Initialization(teachers=(tmp_path / "begun",)))


def test_a_run_begins_with_the_weights_it_is_told_to(made_dataset: FerDataset, teachers: Runs, tmp_path: Path) -> None:
    still = replace(TINY, epochs=1, learning_rate=1e-12)
    train(still, made_dataset, tmp_path / "run", initialization=Initialization(teachers[1]), precision="32-true")
    kept = [RunFolder(run).load_best()["network"]["layers.logits.weight"] for run in (tmp_path / "run", *teachers)]
    assert torch.allclose(kept[0], kept[2], atol=1e-6)
    assert not torch.allclose(kept[0], kept[1], atol=1e-2)
    begun = RunFolder(tmp_path / "run").read_record().start
    assert begun is not None
    assert begun.name == "1"
    with pytest.raises(CheckpointError, match="was run with another start"):
        train(still, made_dataset, tmp_path / "run", initialization=Initialization(teachers[0]), resume=True)
    with pytest.raises(CheckpointError, match="holds a tiny network, expected capstone"):
        train(
            replace(still, network="capstone"),
            made_dataset,
            tmp_path / "other",
            initialization=Initialization(teachers[0]),
        )


def test_a_larger_network_begins_where_the_smaller_one_ended(made_dataset: FerDataset, tmp_path: Path) -> None:
    still = replace(TINY, network="resnet", epochs=1, learning_rate=1e-12)
    small = train(still, made_dataset, tmp_path / "small", precision="32-true")
    faces = torch.rand(4, 1, 48, 48)
    for larger in ("resnet-wide", "resnet-deep", "resnet-wide-deep"):
        begun = Initialization(tmp_path / "small").begin(replace(still, network=larger)).network.eval()
        with torch.no_grad():
            assert torch.allclose(begun(faces), RunFolder(small.folder).load_network()(faces), atol=1e-5)
    with pytest.raises(CheckpointError, match="holds a resnet network, expected inception"):
        train(
            replace(still, network="inception"),
            made_dataset,
            tmp_path / "other",
            initialization=Initialization(tmp_path / "small"),
        )


def test_small_epochs_see_reduced_faces_and_are_judged_on_whole_ones(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(TINY, network="resnet", epochs=2, small_epochs=1, small_side=24)
    assert [config.side_at(epoch) for epoch in (1, 2)] == [24, None]
    reduced = train(replace(config, epochs=1), made_dataset, tmp_path / "reduced", precision="32-true")
    whole = train(replace(config, epochs=1, small_epochs=0), made_dataset, tmp_path / "whole", precision="32-true")
    assert reduced.best.train_loss != pytest.approx(whole.best.train_loss, abs=1e-3)
    rows = select(made_dataset, "votes", "validation")
    faces, votes = torch.from_numpy(made_dataset.images[rows.indices]), torch.from_numpy(rows.targets)
    with torch.no_grad():
        said = RunFolder(reduced.folder).load_network()(faces.permute(0, 3, 1, 2) / 255).double().log_softmax(1)
    kl = torch.nn.functional.kl_div(said, votes, reduction="batchmean")
    assert reduced.best.kl == pytest.approx(float(kl), abs=1e-4)


def test_reduced_faces_are_smoothed_before_they_are_sampled(made_dataset: FerDataset) -> None:
    rows = select(made_dataset, "votes", "validation").indices
    images = ImageBatches([(made_dataset, rows)], torch.device("cpu"))
    whole = torch.cat(list(images.in_order()))
    batch = next(images.shuffled(4, Augmentation(), seed=0, side=24))
    expected = torch.nn.functional.interpolate(whole[batch.at], 24, mode="bilinear", antialias=True)
    assert torch.allclose(batch.images, expected)


def test_consistent_teachers_answer_for_the_faces_that_the_student_sees(
    made_dataset: FerDataset, teachers: Runs, tmp_path: Path
) -> None:
    """One step over all faces, changed and blended, done again by hand."""
    changed = Augmentation(flip=1.0, shift=0.4)
    config = replace(
        STUDENT,
        teaching="consistent",
        mixup=1.0,
        augmentation=changed,
        epochs=1,
        batch_size=1000,
        learning_rate=1e-9,
    )
    initialization = Initialization(start=teachers[0], teachers=teachers)
    result = train(config, made_dataset, tmp_path / "run", initialization=initialization, precision="32-true")

    student = RunFolder(teachers[0]).load_network()
    # Dropout goes by memory. Torch's overloads lack the memory format.
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    student.train()
    rows = select(made_dataset, "votes", "train")
    torch.manual_seed(config.seed * 7919 + 1)
    order_seed = config.seed * 104_729 + 1
    [batch] = ImageBatches([(made_dataset, rows.indices)], torch.device("cpu")).shuffled(1000, changed, seed=order_seed)
    blended, _ = mix(batch.images, torch.from_numpy(rows.targets).float()[batch.at], 1.0)
    with torch.no_grad():
        said = student(blended).log_softmax(1)
        answers = sum(RunFolder(teacher).load_network()(blended).softmax(1) for teacher in teachers) / 2
    assert result.best.train_loss == pytest.approx(-float((answers * said).sum(1).mean()), abs=1e-4)


def test_teachers_answer_with_the_mean_of_their_probabilities(teachers: Runs) -> None:
    faces = torch.rand(5, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = sum(RunFolder(teacher).load_network()(faces).softmax(1) for teacher in teachers) / 2
    assert torch.allclose(Teachers(teachers, torch.device("cpu"))(faces), expected, atol=1e-6)


def test_consistent_teachers_are_not_asked_for_reduced_faces() -> None:
    with pytest.raises(ConfigError, match="small_epochs is 2 and teaching is consistent"):
        replace(STUDENT, teaching="consistent", small_epochs=2)
