"""``mien train``, ``mien average`` and ``mien export``: from a recipe and data to run folders and a model file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mien.runtime.optional import learning

if TYPE_CHECKING:
    from mien.training.progress import EpochFigures


def train(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file; configs/ holds some.")],
    *,
    data: Annotated[Path, typer.Option(help="The prepared data set.")],
    out: Annotated[Path, typer.Option(help="The run folder.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last whole epoch.")] = False,
    start: Annotated[Path | None, typer.Option(help="Run folder whose best weights to begin with.")] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="Run folder of a trained network to learn from; once for each.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the processor; 0 for all cores.")] = 0,
    precision: Annotated[
        Literal["auto", "32-true", "bf16-mixed"], typer.Option(help="Arithmetic; auto measures which is faster here.")
    ] = "auto",
) -> None:
    """Train a network by a recipe; the run folder keeps the best weights, history, curves and record.

    Examples:
        mien train recipes/shipped/ferplus-cnn-fast.toml --data data/ferplus --out runs/capstone

        mien train recipes/shipped/ferplus-cnn-fast.toml --data data/ferplus --out runs/capstone --resume

        mien train recipes/shipped/ferplus-resnet-distilled.toml --data data/ferplus --out runs/distilled
        --start runs/resnet --teacher runs/capstone --teacher runs/resnet
    """
    with learning():
        import torch

        from mien.data.dataset import open_dataset
        from mien.training.config import load_config
        from mien.training.initialization import Origins
        from mien.training.run import train as run_training
    if threads:
        torch.set_num_threads(threads)
    recipe, dataset = load_config(config), open_dataset(data)
    with TrainingProgress() as listener:
        result = run_training(
            recipe,
            dataset,
            out,
            resume=resume,
            origins=Origins(start, tuple(teacher or ())),
            precision=None if precision == "auto" else precision,
            listener=listener,
        )
    best = result.best
    print(f"best epoch {best.epoch} of {result.epochs}: validation loss {best.loss:.4f}, KL {best.kl:.4f},", end=" ")
    print(f"expected accuracy {best.accuracy:.4f}")
    print(f"next: mien export {out}")


def average(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of one network, grown from the same weights.")],
    *,
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
) -> None:
    """Average the best weights of several runs into a run folder of its own, to export or to start from.

    It is worth something where the runs began from one run, or one of them from another: mien export --data says.

    Examples:
        mien average runs/first runs/second --out runs/mean

        mien export runs/mean --data data/ferplus --precision int8 --mirror
    """
    with learning():
        from mien.training.averaging import average_runs
    average_runs(runs, out)
    print(f"wrote {out}, the mean of {', '.join(str(run) for run in runs)}")
    print(f"next: mien export {out}")


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
        bool, typer.Option("--mirror", help="Average each face with its mirror image: better, twice the work.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Prepared data set: fit the temperature on its validation split, note the scores."),
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
    print(f"wrote {result.path} ({result.bytes / 1e6:.1f} MB), temperature {result.metadata.temperature:.3f},", end=" ")
    print(f"largest difference to the network {result.largest_difference:.1e}")
    for protocol, figures in result.metadata.metrics.items():
        print(f"{protocol}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))


class TrainingProgress:
    """A bar for the epoch and a line for each epoch, on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def started(self, *, epochs: int, steps_per_epoch: int, done_epochs: int, precision: str) -> None:
        """Show the bar of the whole run."""
        self._task = self._bars.add_task("training", total=epochs * steps_per_epoch, figures="")
        self._bars.update(self._task, completed=done_epochs * steps_per_epoch)
        self._console.print(f"{precision}, {steps_per_epoch} steps an epoch, {done_epochs} of {epochs} epochs done")

    def stepped(self, *, loss: float, images_per_s: float) -> None:
        """Move the bar."""
        self._bars.update(self._task, advance=1, figures=f"loss {loss:.3f}  {images_per_s:.0f} images/s")

    def finished_epoch(self, figures: "EpochFigures") -> None:
        """Print the epoch's line."""
        self._console.print(
            f"epoch {figures.epoch}: training loss {figures.train_loss:.4f}, validation loss {figures.loss:.4f}, "
            f"KL {figures.kl:.4f}, accuracy {figures.accuracy:.4f}, {figures.images_per_s:.0f} images/s, "
            f"augmentation {figures.augmentation_share:.1%}{'  *' if figures.best else ''}"
        )
