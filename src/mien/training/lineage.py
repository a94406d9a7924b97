"""Chains of runs: the recipes of a folder, ordered by their dependencies and run or resumed one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from mien.data.dataset import FerDataset
from mien.errors import CheckpointError, ConfigError
from mien.recipes import GROUPS, list_recipes
from mien.training.averaging import average_runs
from mien.training.config import TrainingConfig
from mien.training.export.onnx_export import export_run
from mien.training.initialization import Initialization
from mien.training.precision import Precision
from mien.training.progress import Listener
from mien.training.recipes import Recipe, load_recipe
from mien.training.run import train
from mien.training.runs import BEST, RECORD, RunFolder
from mien.weights import list_weights, weight_path

#: Name of the file that a shipped run is exported to, in its run folder.
MODEL = "model.onnx"


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished recipe of a chain: its run folder, and the model file if the recipe is shipped."""

    recipe: Recipe
    folder: Path
    model: Path | None


def load_chain(group: str) -> tuple[Recipe, ...]:
    """The recipes of a group of the package or of a folder, each after those that it depends on.

    Raises:
        ConfigError: There are none, one is damaged, or their dependencies form a cycle.
    """
    paths = (
        [file.path for file in list_recipes(group).values()] if group in GROUPS else sorted(Path(group).glob("*.toml"))
    )
    if not paths:
        raise ConfigError(f"{group}: no recipes", hint=f"name {' or '.join(GROUPS)}, or a folder of TOML files")
    recipes = {path.stem: load_recipe(path) for path in paths}
    # ancestors outside the folder are shipped models, which need no run
    graph = {name: [a for a in recipe.ancestors if a in recipes] for name, recipe in recipes.items()}
    try:
        return tuple(recipes[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as err:
        raise ConfigError(f"{group}: recipes depend on one another in a cycle: {' → '.join(err.args[1])}") from err


def find_initialization(recipe: Recipe, runs: Path) -> Initialization:
    """The start and the teachers that a recipe names.

    Args:
        recipe: The recipe.
        runs: Folder of run folders, each named after its recipe; for a run that does not exist there, the shipped
            model that was exported from it is used.

    Raises:
        CheckpointError: For one of them there is neither.
    """
    start = None if recipe.start is None else _find_source(recipe.start, runs)
    return Initialization(start, tuple(_find_source(name, runs) for name in recipe.teachers))


def train_chain(
    recipes: Sequence[Recipe],
    dataset: FerDataset,
    runs: Path,
    *,
    sets: Mapping[str, FerDataset] | None = None,
    change: Callable[[TrainingConfig], TrainingConfig] = lambda config: config,
    precision: Precision | None = None,
    listener_for: Callable[[Recipe], Listener | None] = lambda _: None,
) -> tuple[Stage, ...]:
    """Run every recipe that is not finished yet, in order; an interrupted run is resumed.

    Args:
        recipes: In the order of :func:`load_chain`.
        dataset: A prepared data set.
        runs: Folder of the run folders.
        sets: The further data sets that any of the recipes names.
        change: Applied to the settings of each recipe.
        precision: Arithmetic of new runs; None measures which is faster.
        listener_for: Returns the listener that receives the progress of a recipe's run.

    Raises:
        MienError: Whatever :func:`mien.training.run.train` raises, or an ancestor is missing.
    """
    stages = []
    for recipe in recipes:
        folder, config, begun = runs / recipe.name, change(recipe.config), (runs / recipe.name / RECORD).exists()
        if recipe.average and not begun:  # a mean is written at once, so that an existing one is complete
            average_runs([runs / name for name in recipe.average], folder)
        elif not recipe.average and not _is_finished(folder, config):
            train(
                config,
                dataset,
                folder,
                sets={e.name: sets[e.name] for e in config.data if sets and e.name in sets},
                resume=begun,
                initialization=find_initialization(recipe, runs),
                precision=precision,
                listener=listener_for(recipe),
            )
        # exported before the next recipe, which may start from the file
        stages.append(Stage(recipe, folder, _export(recipe, folder, dataset)))
    return tuple(stages)


def _is_finished(folder: Path, config: TrainingConfig) -> bool:
    """Whether ``folder`` holds a finished run of exactly these settings."""
    if not (folder / RECORD).exists():
        return False
    record = RunFolder(folder).read_record()
    return record.config == config and record.finished


def _export(recipe: Recipe, folder: Path, dataset: FerDataset) -> Path | None:
    if recipe.ship is None:
        return None
    model = folder / MODEL
    if not model.exists():
        ship = recipe.ship
        export_run(folder, model, name=ship.name, dataset=dataset, precision=ship.precision, mirror=ship.mirror)
    return model


def _find_source(name: str, runs: Path) -> Path:
    """The run folder or exported file that a recipe names (``RUN`` or ``RUN/model.onnx``), or its shipped model."""
    run, _, file = name.partition("/")
    if (runs / run / (file or BEST)).exists():
        return runs / name
    if run in list_recipes():
        ship = load_recipe(run).ship
        if ship is not None and ship.name in list_weights():
            return weight_path(ship.name)
    raise CheckpointError(
        f"{runs / name}: the recipe depends on {run}, which does not exist",
        hint=f"mien train {run} --out {runs / run} makes it, or name another with --start and --teacher",
    )
