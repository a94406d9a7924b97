from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.networks.registry import list_networks
from mien.training.config import TrainingConfig, config_from_dict
from mien.training.recipes import load_config
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("path", sorted((REPOSITORY / "src/mien/recipes").rglob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_reads_and_names_a_network(path: Path) -> None:
    assert load_config(path).network in list_networks()


def test_the_capstones_recipe_is_the_reports() -> None:
    config = load_config(REPOSITORY / "src/mien/recipes/research/ferplus-cnn-capstone.toml")
    assert (config.network, config.target, config.batch_size, config.learning_rate) == ("capstone", "drawn", 512, 1e-3)
    assert (config.epochs, config.patience, config.plateau_patience) == (5000, 100, 20)
    assert (config.optimizer, config.schedule, config.ema_decay, config.weight_decay) == ("adam", "plateau", 0, 0)
    change = config.augmentation
    assert (change.rotation_deg, change.shift, change.zoom, change.flip, change.erase) == (10, 0.1, 0.1, 0.5, 0)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"network": "tiny", "epoch": 3}, "no setting 'epoch'"),
        ({"network": "tiny", "epochs": "3"}, "epochs is '3', expected int"),
        ({"network": "tiny", "epochs": 0}, "epochs is 0, expected more than 0"),
        ({"network": "tiny", "epochs": True}, "epochs is True, expected int"),
        ({"network": "tiny", "target": "hard"}, "target is 'hard', expected one of drawn, soft"),
        ({"network": "tiny", "ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"network": "tiny", "mixup": -0.1}, "mixup is -0.1, expected 0 or more"),
        ({"network": "tiny", "weight_decay": -1.0}, "weight_decay is -1.0, expected 0 or more"),
        ({"network": "tiny", "augmentation": True}, "augmentation is True, expected a table"),
        ({"network": "tiny", "augmentation": {"flip": 5.0}}, "flip is 5.0, expected 0 to 1"),
        ({"network": "tiny", "augmentation": {"zoom": 1.0}}, "zoom is 1"),
        ({"network": "tiny", "augmentation": {"rotate": 3}}, r"\[augmentation\]: no setting 'rotate'"),
        ({}, "no setting 'network', which has no default"),
    ],
)
def test_a_bad_setting_is_named(record: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_dict(record)


def test_near_names_are_in_the_hint() -> None:
    with pytest.raises(ConfigError, match="no setting 'learning_rat'") as caught:
        config_from_dict({"network": "tiny", "learning_rat": 0.1})
    assert caught.value.hint == "did you mean learning_rate?"


def test_a_recipe_survives_the_way_through_a_dictionary() -> None:
    config = config_from_dict({"network": "tiny", "learning_rate": 1, "augmentation": {"flip": 0.5}})
    assert config_from_dict(config.to_dict()) == config
    assert config.sha256 != TrainingConfig("tiny").sha256


def test_files_that_are_absent_or_no_toml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("model = ")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(tmp_path / "bad.toml")
