"""``mien train``, ``mien average`` and ``mien export``: from a recipe and data to run folders and a model file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mien.cli.last_line import print_last_line
from mien.cli.training_progress import TrainingProgress
from mien.errors import ConfigError
from mien.render.text import counted
from mien.runtime.optional import learning

if TYPE_CHECKING:
    from mien.data.dataset import FerDataset
    from mien.training.config import TrainingConfig
    from mien.training.initialization import Initialization
    from mien.training.precision import Precision
    from mien.training.recipes import Recipe

RecipeArgument = Annotated[
    str | None, typer.Argument(help="A recipe that `mien recipes` lists, or a TOML file.", show_default=False)
]
DataOption = Annotated[
    list[str],
    typer.Option(help="Prepared data set; NAME=FOLDER for further ones that the recipe names.", metavar="FOLDER"),
]
StartOption = Annotated[
    str | None,
    typer.Option(help="Run folder, model file or shipped model with the initial weights; default: the recipe's."),
]
TeacherOption = Annotated[
    list[str] | None, typer.Option(help="Run folder, model file or shipped model to distill from; repeatable.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE: override a setting of the recipe; repeatable.")
]
AllOption = Annotated[
    str | None, typer.Option("--all", help="Every recipe of `shipped` or of a folder, in order.", metavar="GROUP")
]
PrecisionOption = Annotated[
    Literal["auto", "32-true", "bf16-mixed"],
    typer.Option(help="Arithmetic; auto measures which is faster on this machine."),
]


def train(
    recipe: RecipeArgument = None,
    *,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The run folder; with --all the parent of the run folders.")],
    all_: AllOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last finished epoch.")] = False,
    start: StartOption = None,
    teacher: TeacherOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Override the recipe's number of epochs.")] = None,
    settings: SetOption = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Two epochs on a few hundred images: about a minute.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Processor threads; 0 uses all cores.")] = 0,
    precision: PrecisionOption = "auto",
) -> None:
    """Train a network by a recipe; the run folder holds the best weights, history, curves and record.

    Examples:
        mien train ferplus-cnn-fast --data data/ferplus --out runs/capstone

        mien train ferplus-resnet --data data/ferplus --out runs/try --smoke --set learning_rate=1e-3

        mien train --all shipped --data data/ferplus --data lfw=data/lfw --out runs
    """
    with learning():
        import torch
    if threads:  # before the first operation: the record of the run notes the number
        torch.set_num_threads(threads)
    # recipe, data and initialization are all read before training starts, so that mistakes show at once
    recipes = _load_recipes(recipe, all_, start, teacher or ())
    main, sets = _open_data(data, smoke=smoke)
    changes = _Changes(epochs, settings or (), smoke=smoke)
    kept = None if precision == "auto" else precision  # None: measured, or as in the run that is resumed
    if all_ is not None:
        _train_all(recipes, main, sets, out, changes, kept)
        return
    initialization = _initialization(recipes[0], out, start, teacher or ())
    _train_one(recipes[0], main, sets, out, changes, kept, resume=resume, initialization=initialization)


def _load_recipes(
    recipe: str | None, group: str | None, start: str | None, teachers: Sequence[str]
) -> "Sequence[Recipe]":
    """The given recipe, or all recipes of a group."""
    from mien.training.lineage import load_chain
    from mien.training.recipes import load_recipe

    if (recipe is None) == (group is None):
        raise ConfigError("expected one recipe, or --all GROUP", hint="mien recipes lists them")
    if group is not None:
        if start or teachers:
            raise ConfigError("--start and --teacher go with one recipe", hint="recipes of a chain name their own")
        return load_chain(group)
    found = load_recipe(str(recipe))
    if found.average:
        raise ConfigError(f"{recipe} averages {', '.join(found.average)}", hint="mien average, or mien train --all")
    return (found,)


def _initialization(recipe: "Recipe", out: Path, start: str | None, teachers: Sequence[str]) -> "Initialization":
    """Start and teachers as given on the command line; if none is given, those of the recipe."""
    from mien.training.initialization import Initialization
    from mien.training.lineage import find_initialization
    from mien.training.sources import find_weights

    if not start and not teachers:
        return find_initialization(recipe, out.parent)  # runs of the chain are neighbors of this one
    return Initialization(
        None if start is None else find_weights(start), tuple(find_weights(teacher) for teacher in teachers)
    )


class _Changes:
    """The changes of the command line to the settings of a recipe, as a function."""

    def __init__(self, epochs: int | None, settings: Sequence[str], *, smoke: bool) -> None:
        self._settings = [*settings, *([] if epochs is None else [f"epochs={epochs}"])]
        self._smoke = smoke

    def __call__(self, config: "TrainingConfig") -> "TrainingConfig":
        from mien.training.recipes import override
        from mien.training.smoke import smoke_config

        changed = override(config, self._settings)  # --smoke comes last: it limits whatever --set asked for
        return smoke_config(changed) if self._smoke else changed


def _open_data(given: Sequence[str], *, smoke: bool) -> tuple["FerDataset", Mapping[str, "FerDataset"]]:
    """The main data set and the further ones by name."""
    with learning():
        from mien.data.dataset import open_unchanged
        from mien.training.smoke import smoke_dataset
    main: list[FerDataset] = []
    sets: dict[str, FerDataset] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        named = bool(equals) and not Path(text).exists()  # a folder's own name may contain "="
        # hashes are compared first: hours of training on damaged data would be lost
        dataset = open_unchanged(folder if named else text, "train", "validation")
        dataset = smoke_dataset(dataset) if smoke else dataset
        if named:
            sets[name] = dataset
        else:
            main.append(dataset)
    if len(main) != 1:
        raise ConfigError(
            f"{len(main)} data sets without a name, expected one",
            hint="--data FOLDER, and --data NAME=FOLDER for others",
        )
    return main[0], sets


def _train_one(
    recipe: "Recipe",
    dataset: "FerDataset",
    sets: Mapping[str, "FerDataset"],
    out: Path,
    changes: _Changes,
    precision: "Precision | None",
    *,
    resume: bool,
    initialization: "Initialization",
) -> None:
    from mien.training.run import train as run_training

    with TrainingProgress(recipe.name) as listener:
        result = run_training(
            changes(recipe.config),
            dataset,
            out,
            sets=sets,
            resume=resume,
            initialization=initialization,
            precision=precision,
            listener=listener,
        )
    best = result.best
    print(f"best epoch {best.epoch} of {result.epochs}: validation loss {best.loss:.4f}, KL {best.kl:.4f},", end=" ")
    print(f"expected accuracy {best.accuracy:.4f}")
    print(f"next: mien export {out}")
    print_last_line(f"{recipe.name}: {counted(result.epochs, 'epoch')}", [out])


def _train_all(
    recipes: "Sequence[Recipe]",
    dataset: "FerDataset",
    sets: Mapping[str, "FerDataset"],
    out: Path,
    changes: _Changes,
    precision: "Precision | None",
) -> None:
    from mien.training.lineage import train_chain

    # One display at a time: two would overwrite each other's lines, and before 14.1 Rich refuses a second one.
    shown: list[TrainingProgress] = []

    def listener_for(recipe: "Recipe") -> TrainingProgress:
        for earlier in shown:
            earlier.__exit__()
        shown.append(TrainingProgress(recipe.name).__enter__())
        return shown[-1]

    try:
        stages = train_chain(
            recipes, dataset, out, sets=sets, change=changes, precision=precision, listener_for=listener_for
        )
    finally:
        for progress in shown[-1:]:
            progress.__exit__()
    for stage in stages:
        print(f"{stage.recipe.name}: {stage.folder}" + (f", {stage.model}" if stage.model else ""))
    print_last_line(counted(len(stages), "recipe"), [out])


def average(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of one network that share their initial weights.")],
    *,
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
) -> None:
    """Average the best weights of several runs into a new run folder, to export or to start from.

    Useful only for runs that share their initial weights, or where one started from the other; mien export --data
    prints the metrics of the mean.

    Examples:
        mien average runs/first runs/second --out runs/mean

        mien export runs/mean --data data/ferplus --precision int8 --mirror
    """
    with learning():
        from mien.training.averaging import average_runs
    average_runs(runs, out)
    print(f"next: mien export {out}")
    print_last_line(f"the mean of {counted(len(runs), 'run')}", [out])


def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; model.onnx in the run folder by default.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name in the metadata; the network's by default.")] = None,
    precision: Annotated[
        Literal["float32", "float16", "int8"],
        typer.Option(help="float16: half the size; int8: a quarter, three times as fast, needs --data."),
    ] = "float32",
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Average each face with its mirror image: more accurate, half as fast.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Prepared data set: fit the temperature and record metrics on its validation split."),
    ] = None,
) -> None:
    """Write a run's best weights as model.onnx with its metadata, checked against the network.

    Examples:
        mien export runs/capstone

        mien export runs/capstone --data data/ferplus --precision int8 --mirror --out capstone.onnx
    """
    with learning():
        from mien.data.dataset import open_dataset
        from mien.training.export.onnx_export import export_run
    dataset = open_dataset(data) if data is not None else None
    target = out or run / "model.onnx"
    result = export_run(run, target, name=name, dataset=dataset, precision=precision, mirror=mirror)
    temperatures = ", ".join(f"{head.temperature:.3f} ({kind})" for kind, head in result.metadata.heads.items())
    print(f"temperature {temperatures}, largest difference to the network {result.largest_difference:.1e}")
    for protocol, metrics in result.metadata.metrics.items():
        print(f"{protocol}: " + ", ".join(f"{key} {value:.4g}" for key, value in metrics.items()))
    print_last_line(f"{result.metadata.name}: {result.bytes / 1e6:.1f} MB", [result.path])
