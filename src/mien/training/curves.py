"""The history of a run as a picture. Needs matplotlib; it knows nothing but numbers by name."""

from pathlib import Path

from matplotlib.figure import Figure

_PANELS = (
    ("loss", ("train_loss", "loss")),
    ("accuracy on drawn labels, expected", ("train_accuracy", "accuracy")),
    ("KL to the votes (nats)", ("kl",)),
    ("learning rate", ("learning_rate",)),
)
_NAMES = {"train_loss": "training", "loss": "validation", "train_accuracy": "training", "accuracy": "validation"}


def draw_curves(history: list[dict[str, float]], path: Path) -> None:
    """Draw loss, accuracy, KL and learning rate over the epochs and write a PNG to ``path``."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, (title, names) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        for name in names:
            axes.plot(epochs, [row[name] for row in history], label=_NAMES.get(name, name))
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    figure.savefig(path, format="png", dpi=110)
