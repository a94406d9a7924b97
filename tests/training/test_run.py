import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from mien.data.augmentation import Augmentation
from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError, StorageError
from mien.training.checkpoints import load_state, save_state
from mien.training.config import TrainingConfig
from mien.training.history import EpochMetrics
from mien.training.progress import Silent
from mien.training.run import train
from mien.training.runs import BEST, LAST, RECORD, RunFolder

TINY = TrainingConfig(
    network="tiny",
    target="drawn",
    monitor="kl",
    epochs=4,
    batch_size=16,
    learning_rate=0.01,
    ema_decay=0.9,
    mixup=0.2,
    augmentation=Augmentation(rotation_deg=10, shift=0.1, flip=0.5, erase=0.5),
)


def weights(folder: Path, name: str = BEST) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_state(folder / name)["network"]
    return state


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_the_tiny_network_learns_made_faces(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(
        TINY,
        target="soft",
        epochs=30,
        learning_rate=0.02,
        ema_decay=0.0,
        mixup=0.0,
        augmentation=Augmentation(flip=0.5),
    )
    result = train(config, made_dataset, tmp_path / "run", precision="32-true")
    assert result.best.accuracy > 0.45  # chance is .125, the votes themselves about .75
    assert result.best.kl < result.best.loss


def test_a_run_folder_tells_what_was_run(made_dataset: FerDataset, tmp_path: Path) -> None:
    result = train(TINY, made_dataset, tmp_path / "run")
    record = RunFolder(tmp_path / "run").read_record()
    assert record.config == TINY
    assert record.data.manifest_sha256 == made_dataset.manifest_sha256
    assert record.best == result.best
    assert record.versions["torch"] == torch.__version__
    assert RunFolder(tmp_path / "run").read_history()[-1].epoch == 4
    with (tmp_path / "run" / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert min(float(row["kl"]) for row in rows) == result.best.kl
    with Image.open(tmp_path / "run" / "curves.png") as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize("schedule", ["constant", "plateau", "onecycle", "cosine"])
def test_a_resumed_run_ends_with_the_weights_of_one_that_never_stopped(
    made_dataset: FerDataset, tmp_path: Path, schedule: str
) -> None:
    config = replace(TINY, schedule=schedule, plateau_patience=0)  # type: ignore[arg-type]
    train(config, made_dataset, tmp_path / "whole", precision="32-true")

    class Interrupted(Silent):
        def finished_epoch(self, metrics: EpochMetrics) -> None:
            if metrics.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, made_dataset, tmp_path / "broken", precision="32-true", listener=Interrupted())
    result = train(config, made_dataset, tmp_path / "broken", resume=True)
    assert result.epochs == 4
    for name in (BEST, LAST):
        assert same(weights(tmp_path / "whole", name), weights(tmp_path / "broken", name))


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_it_goes_on_to_the_same_weights(
    prepared: Path, made_dataset: FerDataset, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'model = "tiny"\ntarget = "drawn"\nepochs = 6\nbatch_size = 1\nlearning_rate = 0.01\nema_decay = 0.9\n'
        "[augmentation]\nflip = 0.5\nrotation_deg = 10\n"
    )
    command = [sys.executable, "-m", "mien", "train", str(recipe), "--data", str(prepared), "--threads", "1"]
    command += ["--precision", "32-true", "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, str(tmp_path / "killed")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    last = tmp_path / "killed" / LAST
    while not last.exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(0.02)
    assert process.poll() is None, "it was over before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = len(load_state(last)["history"])
    assert 1 <= done < 6
    subprocess.run([*command, str(tmp_path / "killed"), "--resume"], check=True, capture_output=True)
    for name in (BEST, LAST):
        assert same(weights(tmp_path / "whole", name), weights(tmp_path / "killed", name))


def test_a_kill_before_the_last_record_is_mended_by_resuming(made_dataset: FerDataset, tmp_path: Path) -> None:
    train(TINY, made_dataset, tmp_path / "run")
    record, history = (tmp_path / "run" / name for name in ("run.json", "history.csv"))
    whole = record.read_text(), history.read_text()
    folder = RunFolder(tmp_path / "run")
    folder.write_record(replace(folder.read_record(), best=None, epochs=3))
    history.write_text("".join(history.read_text().splitlines(keepends=True)[:-1]))
    train(TINY, made_dataset, tmp_path / "run", resume=True)
    assert (record.read_text(), history.read_text()) == whole


def test_early_stopping_keeps_the_best_epoch(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(TINY, epochs=60, patience=2, learning_rate=1.0, schedule="constant", ema_decay=0.0)
    result = train(config, made_dataset, tmp_path / "run")
    assert result.epochs == result.best.epoch + 2
    assert load_state(tmp_path / "run" / BEST)["epoch"] == result.best.epoch


def test_a_run_is_not_overwritten_and_not_resumed_with_another_recipe(made_dataset: FerDataset, tmp_path: Path) -> None:
    train(replace(TINY, epochs=1), made_dataset, tmp_path / "run")
    with pytest.raises(CheckpointError, match="holds a run already"):
        train(replace(TINY, epochs=1), made_dataset, tmp_path / "run")
    with pytest.raises(CheckpointError, match="was run with another recipe"):
        train(replace(TINY, epochs=2), made_dataset, tmp_path / "run", resume=True)


def test_a_refused_recipe_leaves_its_folder_free(made_dataset: FerDataset, tmp_path: Path) -> None:
    one_panel = replace(made_dataset, panel_votes=None)
    for fault in (
        replace(TINY, panels="both"),
        replace(TINY, schedule="onecycle", epochs=1, batch_size=1000),
        replace(TINY, network="capstone", small_epochs=1, small_side=32),
        replace(TINY, network="capstone", batch_size=len(made_dataset.split_rows("train")) - 1),
    ):
        with pytest.raises(ConfigError):
            train(fault, one_panel, tmp_path / "run")
        assert not (tmp_path / "run").exists()
    assert train(replace(TINY, epochs=1), one_panel, tmp_path / "run").epochs == 1


def test_weights_without_their_record_are_not_continued(made_dataset: FerDataset, tmp_path: Path) -> None:
    train(replace(TINY, epochs=1), made_dataset, tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    for resume in (False, True):
        with pytest.raises(CheckpointError, match=r"holds last\.pt but no run\.json"):
            train(replace(TINY, epochs=2), made_dataset, tmp_path / "run", resume=resume)


def test_a_run_that_diverges_says_so_and_keeps_what_it_had(made_dataset: FerDataset, tmp_path: Path) -> None:
    class Poisoned(Silent):
        """Spoils the weights in the third epoch."""

        def finished_epoch(self, metrics: EpochMetrics) -> None:
            if metrics.epoch == 2:
                state = load_state(tmp_path / "run" / LAST)
                for weight in (*state["network"].values(), *state["mean"].values()):
                    if weight.is_floating_point():
                        weight.fill_(float("nan"))
                save_state(state, tmp_path / "run" / LAST)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, made_dataset, tmp_path / "run", listener=Poisoned())
    best = weights(tmp_path / "run")
    with pytest.raises(ConfigError, match="epoch 3: validation kl is nan, the run has diverged"):
        train(TINY, made_dataset, tmp_path / "run", resume=True)
    assert same(best, weights(tmp_path / "run"))
    assert len(load_state(tmp_path / "run" / LAST)["history"]) == 2


def test_the_same_faces_prepared_by_another_version_are_the_same_data(made_dataset: FerDataset, tmp_path: Path) -> None:
    train(replace(TINY, epochs=1), made_dataset, tmp_path / "run")
    later = replace(made_dataset, manifest={**made_dataset.manifest, "version": "9.9.9"})
    assert train(replace(TINY, epochs=1), later, tmp_path / "run", resume=True).epochs == 1
    splits = made_dataset.manifest["splits"] | {"train": {"rows": 1, "sha256": "other"}}
    other = replace(made_dataset, manifest={**made_dataset.manifest, "splits": splits})
    with pytest.raises(CheckpointError, match="was run with another data set"):
        train(replace(TINY, epochs=1), other, tmp_path / "run", resume=True)


def test_a_run_from_before_a_setting_existed_goes_on(made_dataset: FerDataset, tmp_path: Path) -> None:
    config = replace(TINY, epochs=1, mixup=0.0)
    train(config, made_dataset, tmp_path / "run")
    path = tmp_path / "run" / RECORD
    record = json.loads(path.read_text())
    record["config"] = {"model": record["config"].pop("network")} | record["config"]
    for later in ("mixup", "data", "intended_weight", "frozen_parts"):
        del record["config"][later]
    path.write_text(json.dumps(record | {"recipe_sha256": "of that time"}))
    assert train(config, made_dataset, tmp_path / "run", resume=True).epochs == 1
    with pytest.raises(CheckpointError, match="was run with another recipe"):
        train(replace(config, mixup=0.2), made_dataset, tmp_path / "run", resume=True)


def test_a_damaged_checkpoint_is_refused_and_the_best_weights_survive(made_dataset: FerDataset, tmp_path: Path) -> None:
    train(TINY, made_dataset, tmp_path / "run")
    last = tmp_path / "run" / LAST
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged or cut short") as caught:
        train(TINY, made_dataset, tmp_path / "run", resume=True)
    assert BEST in str(caught.value.hint)
    assert weights(tmp_path / "run")


#: All that a record must hold, and no network.
WHOLE = '{"config": {}, "data": {}, "precision": "32-true", "recipe_sha256": "0", "versions": {}}'
NO_OBJECT = WHOLE.replace("{}", "1", 1)


@pytest.mark.parametrize("text", ["[]", "{}", '{"config": {}, "data": {}}', WHOLE, NO_OBJECT])
def test_a_record_that_lacks_what_a_run_has_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(CheckpointError, match="expected an object with config, data"):
        RunFolder(tmp_path).read_record()


def test_a_full_disk_is_named_and_the_previous_checkpoint_survives(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full, a device that is always full")
    path = tmp_path / "last.pt"
    save_state({"epoch": 1}, path)
    (tmp_path / f".last.pt.{os.getpid()}.part").symlink_to(full)
    with pytest.raises(StorageError, match=r"cannot write .*last.pt: No space left on device"):
        save_state({"epoch": 2}, path)
    assert load_state(path) == {"epoch": 1}


def test_nothing_but_tensors_and_plain_values_is_unpickled(tmp_path: Path) -> None:
    torch.save({"network": Path("x")}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(tmp_path / "evil.pt")
