"""Progress of a training run on standard error: a bar on a terminal, lines elsewhere."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from mien.training.history import EpochMetrics

#: Seconds between two lines where there is no terminal.
_LINE_EVERY_S = 10.0


class TrainingProgress:
    """A line for each epoch; between epochs a bar on a terminal, and a line every ten seconds elsewhere.

    Args:
        title: What is trained.
    """

    def __init__(self, title: str = "training") -> None:
        self._title = title
        self._console = Console(stderr=True, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,  # a log gets lines instead, see stepped()
        )
        self._done = self._total = self._first = 0
        self._steps = 1
        self._started_s = self._last_line_s = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def prepared(self, what: str, *, done: int, total: int) -> None:
        """Print a line about work before the first epoch."""
        if self._is_due() or done == total:
            self._console.print(f"{self._title}: {what}, {done:,} of {total:,}")

    def started(self, *, epochs: int, steps_per_epoch: int, done_epochs: int, precision: str) -> None:
        """Show the bar of the whole run."""
        self._steps, self._total = steps_per_epoch, epochs * steps_per_epoch
        self._done = self._first = done_epochs * steps_per_epoch  # of a resumed run
        self._started_s = time.monotonic()
        self._task = self._bars.add_task(self._title, total=self._total, completed=self._done, status="")
        self._console.print(
            f"{self._title}: {precision}, {steps_per_epoch} steps per epoch, {done_epochs} of {epochs} epochs done"
        )

    def stepped(self, *, loss: float, images_per_s: float) -> None:
        """Advance the bar, or print a line if the last one is ten seconds old."""
        self._done += 1
        self._bars.update(self._task, advance=1, status=f"loss {loss:.3f}  {images_per_s:.0f} images/s")
        if not self._console.is_terminal and self._is_due():
            epoch, step = divmod(self._done - 1, self._steps)  # both from 0
            self._console.print(
                f"{self._title}: epoch {epoch + 1}, step {step + 1} of {self._steps}, loss {loss:.3f}, "
                f"{images_per_s:.0f} images/s, {self._left()} left"
            )

    def finished_epoch(self, metrics: "EpochMetrics") -> None:
        """Print the epoch's line."""
        text = (
            f"epoch {metrics.epoch}: training loss {metrics.train_loss:.4f}, validation loss {metrics.loss:.4f}, "
            f"KL {metrics.kl:.4f}, accuracy {metrics.accuracy:.4f}"
        )
        if metrics.intended_accuracy is not None:
            text += f", FER2013's labels {metrics.intended_accuracy:.4f}"
        text += "".join(f", {name} {value:.4f}" for name, value in metrics.set_accuracy.items())
        text += f", {metrics.images_per_s:.0f} images/s, augmentation {metrics.augmentation_share:.1%}"
        # the asterisk marks a new best epoch, whose weights were saved
        self._console.print(text + ("  *" if metrics.best else ""))

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._last_line_s < _LINE_EVERY_S:
            return False
        self._last_line_s = now
        return True

    def _left(self) -> timedelta:
        """Estimated remaining time, at the mean pace of this session."""
        pace = (time.monotonic() - self._started_s) / (self._done - self._first)  # s per step; stepped() counted one
        return timedelta(seconds=round(pace * (self._total - self._done)))
