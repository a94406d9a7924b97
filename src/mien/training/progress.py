"""Progress of a run: the loop calls a listener, which the command line implements."""

from typing import Protocol

from mien.training.history import EpochMetrics


class Listener(Protocol):
    """Receives a run's progress."""

    def prepared(self, what: str, *, done: int, total: int) -> None:
        """Work before the first epoch: ``done`` of ``total`` faces of ``what``."""

    def started(self, *, epochs: int, steps_per_epoch: int, done_epochs: int, precision: str) -> None:
        """The run begins, or goes on after ``done_epochs``."""

    def stepped(self, *, loss: float, images_per_s: float) -> None:
        """A batch is done."""

    def finished_epoch(self, metrics: EpochMetrics) -> None:
        """An epoch is done and saved."""


class Silent:
    """A listener that does nothing; a base for listeners of a few events."""

    def prepared(self, what: str, *, done: int, total: int) -> None:
        """Do nothing."""

    def started(self, *, epochs: int, steps_per_epoch: int, done_epochs: int, precision: str) -> None:
        """Do nothing."""

    def stepped(self, *, loss: float, images_per_s: float) -> None:
        """Do nothing."""

    def finished_epoch(self, metrics: EpochMetrics) -> None:
        """Do nothing."""
