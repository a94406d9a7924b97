"""Chains of recipes: their order, their records, and a whole one on the tiny network."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError
from mien.recipes import list_recipes
from mien.training.config import TrainingConfig
from mien.training.lineage import find_initialization, load_chain, train_chain
from mien.training.recipes import Recipe, load_recipe, override
from mien.training.runs import RunFolder
from mien.weights import weight_path
from tests.conftest import REPOSITORY

RECORDS = REPOSITORY / "docs" / "runs"
#: Settings that did not exist yet when the first runs were recorded; their hashes count all settings of that time.
_LATER = {"teaching", "mixup", "teacher_view", "frozen_parts", "data"}
_LATER |= {"start_share", "intended_weight", "intended_smoothing", "intended_votes_share", "intended_refit"}
_LATER_STILL = _LATER | {"teacher_share", "small_epochs", "small_side"}
_LATER_CHANGES = {"warp", "shade", "gamma"}


def hashes_of(config: TrainingConfig) -> set[str]:
    """All names that a recipe has had: today's, and those of before settings at their defaults were left out."""
    names = {config.sha256}
    for later in (_LATER, _LATER_STILL):
        record = {key: value for key, value in config.to_dict().items() if key not in later}
        record["model"] = record.pop("network")
        record["augmentation"] = {k: v for k, v in record["augmentation"].items() if k not in _LATER_CHANGES}
        names.add(hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest())
    return names


def hash_of(name: str | None) -> set[str]:
    assert name is not None
    return hashes_of(load_recipe(name).config)


@pytest.mark.parametrize("recipe", [r for r in load_chain("shipped") if r.ship], ids=lambda recipe: recipe.name)
def test_the_chain_is_that_of_the_committed_records(recipe: Recipe) -> None:
    """Settings, start, teachers and averaged runs of each shipped model are those that its recipe names."""
    assert recipe.ship is not None
    if not (RECORDS / recipe.ship.name).is_dir():
        pytest.skip(f"the model {recipe.ship.name} has not shipped")
    record = RunFolder(RECORDS / recipe.ship.name).read_record()
    assert record.config == recipe.config
    assert record.recipe_sha256 in hashes_of(recipe.config)
    trained = load_recipe(recipe.average[0]) if recipe.average else recipe
    found = [record.start, *record.teachers, *record.averaged]
    named = [trained.start, *trained.teachers, *recipe.average]
    for source, name in zip((s for s in found if s), (n for n in named if n), strict=True):
        if name.endswith(".onnx"):
            assert source.name.endswith(".onnx")
        else:
            assert source.recipe_sha256 in hash_of(name), name


def test_every_recipe_stands_behind_those_that_it_builds_on() -> None:
    for group in ("shipped", "research"):
        chain = [recipe.name for recipe in load_chain(group)]
        assert sorted(chain) == sorted(list_recipes(group))
        for name in chain:
            for ancestor in load_recipe(name).ancestors:
                assert ancestor not in chain or chain.index(ancestor) < chain.index(name)


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """A chain with everything that the shipped one has, on the tiny network."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    common = 'network = "tiny"\nmonitor = "kl"\nepochs = 2\nbatch_size = 32\nlearning_rate = 0.02\n'
    taught = 'start = "a-first"\nteachers = ["a-first"]\nteacher_share = 0.5\n'
    ship = '[ship]\nname = "little"\nprecision = "int8"\nmirror = true\n'
    for name, text in {
        "a-first": common + "[augmentation]\nflip = 0.5\nzoom = 0.1\n",
        "z-second": 'extends = "a-first"\n' + taught + "seed = 1\n[augmentation]\nzoom = 0.2\n",
        "c-third": 'extends = "z-second"\n' + taught + 'teaching = "consistent"\nseed = 2\n',
        "b-mean": 'average = ["z-second", "c-third"]\n' + ship,
        "d-heads": 'start = "b-mean/model.onnx"\nteachers = ["b-mean/model.onnx"]\nteacher_share = 0.5\n'
        + common
        + "intended_weight = 0.4\n"
        + ship.replace("little", "both"),
    }.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def test_a_whole_chain_is_one_call_that_goes_on_where_it_was_stopped(
    recipes: Path, made_dataset: FerDataset, tmp_path: Path
) -> None:
    chain = load_chain(str(recipes))
    assert chain[0].name == "a-first"
    runs = tmp_path / "runs"
    begun = train_chain(chain[:2], made_dataset, runs, precision="32-true")
    times = {stage.recipe.name: (stage.folder / "best.pt").stat().st_mtime_ns for stage in begun}
    stages = {stage.recipe.name: stage for stage in train_chain(chain, made_dataset, runs, precision="32-true")}
    assert {n: (stages[n].folder / "best.pt").stat().st_mtime_ns for n in times} == times
    records = {name: RunFolder(stage.folder).read_record() for name, stage in stages.items()}
    assert records["z-second"].config.augmentation == replace(records["a-first"].config.augmentation, zoom=0.2)
    assert records["c-third"].start == RunFolder(runs / "a-first").source()
    assert [run.name for run in records["b-mean"].averaged] == ["z-second", "c-third"]
    assert [teacher.name for teacher in records["d-heads"].teachers] == ["model.onnx"]
    assert {n for n, stage in stages.items() if stage.model} == {"b-mean", "d-heads"}
    assert all(stage.model.exists() for stage in stages.values() if stage.model)
    again = train_chain(chain, made_dataset, runs, precision="32-true")
    assert [stage.folder for stage in again] == [stage.folder for stage in stages.values()]


def test_what_is_not_there_is_named_and_what_ships_stands_in(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="depends on ferplus-resnet, which does not exist") as caught:
        find_initialization(load_recipe("ferplus-resnet-distilled"), tmp_path)
    assert "mien train ferplus-resnet --out" in str(caught.value.hint)
    found = find_initialization(load_recipe("ferplus-two-heads"), tmp_path)
    assert found.start == weight_path("resnet-wide")
    assert found.teachers == (weight_path("resnet-wide"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "own"\n', "extends itself"),
        ('average = ["x"]\nnetwork = "tiny"\n', "has average and network"),
        ('average = ["x"]\nstart = "y"\n', "has average and start"),
        ('network = "tiny"\nteachers = "x"\n', "teachers is 'x', expected a list"),
        ('network = "tiny"\nstart = 1\n', "start is 1, expected the name of a recipe"),
        ('network = "tiny"\n[ship]\nnam = "x"\n', r"\[ship\] is"),
        ('extends = "ferplus-resnt"\n', "no recipe called 'ferplus-resnt'"),
    ],
)
def test_a_bad_lineage_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(tmp_path / "own.toml")


def test_recipes_in_a_circle_and_no_recipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recipes"):
        load_chain(str(tmp_path))
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.toml").write_text(f'network = "tiny"\nstart = "{other}"\n')
    with pytest.raises(ConfigError, match="in a cycle"):
        load_chain(str(tmp_path))


def test_settings_are_overridden_as_toml_writes_them() -> None:
    config = override(TrainingConfig("tiny"), ["learning_rate=1e-2", "target=drawn", "augmentation.flip=0.5"])
    assert (config.learning_rate, config.target, config.augmentation.flip) == (0.01, "drawn", 0.5)
    for setting, message in (
        ("epochs", "expected KEY=VALUE"),
        ("epoch=3", "no setting 'epoch'"),
        ("epochs=many", "epochs is 'many', expected int"),
        ("ship.name=1", "no table 'ship'"),
    ):
        with pytest.raises(ConfigError, match=message):
            override(TrainingConfig("tiny"), [setting])
