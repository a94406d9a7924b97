"""``mien models``: the shipped models, the networks that can be trained, and the layers of a network."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mien.cli.last_line import print_last_line
from mien.errors import ConfigError
from mien.render.plots import save_plot
from mien.render.tables import table_console
from mien.render.text import counted
from mien.runtime.optional import learning

if TYPE_CHECKING:
    from mien.networks.summary import NetworkSummary


def models(
    name: Annotated[str | None, typer.Argument(help="A network; with --card a shipped model or an .onnx file.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw the network to this .svg or .png file.")] = None,
    card: Annotated[bool, typer.Option("--card", help="Print the metadata of the model file as JSON.")] = False,
) -> None:
    """List the shipped models and the networks that can be trained; print and draw the layers of a network.

    Examples:
        mien models

        mien models capstone --draw capstone.svg

        mien models default --card
    """
    if draw is not None and (card or name is None):
        raise ConfigError("--draw needs the name of a network", hint="mien models capstone --draw capstone.svg")
    if card:
        _print_card(name or "default")
    elif name is None:
        _print_list()
    else:
        with learning():
            from mien.networks.diagram import plot_network
            from mien.networks.summary import summarize
        summary = summarize(_network_of(name))
        _print_layers(summary)
        if draw is not None:
            save_plot(plot_network(summary), draw)
        print_last_line(f"{summary.name}: {counted(len(summary.layers), 'layer')}", [] if draw is None else [draw])


def _network_of(name: str) -> str:
    """The network of a shipped model, such as ``default``; any other name as it is."""
    from mien.recognition.recognizer import load_recognizer
    from mien.weights import list_weights

    if name not in list_weights():
        return name
    return load_recognizer(name).metadata.network or name


def _print_list() -> None:
    from mien.recognition.recognizer import load_recognizer
    from mien.weights import list_weights, weight_path

    console = table_console()
    table = Table("model", "network", "trained towards", title="Models in this package")
    table.add_column("size", justify="right")
    for name in list_weights():
        metadata = load_recognizer(name).metadata
        target = metadata.training.get("config", {}).get("target", "?")
        size = f"{weight_path(name).stat().st_size / 1e6:.1f} MB"
        table.add_row(name, metadata.network or "?", target, size)
    console.print(table)
    total = counted(len(list_weights(aliases=False)), "model")  # an alias such as `default` is not one more
    if find_spec("torch"):  # the networks are torch modules; listing the shipped models works without it
        from mien.networks.registry import list_networks

        console.print("Networks for mien train:", ", ".join(list_networks()))
        total += f", {counted(len(list_networks()), 'network')}"
    print_last_line(total)


def _print_layers(summary: "NetworkSummary") -> None:
    table = Table("layer", "kind", "output shape", title=summary.name)
    table.add_column("parameters", justify="right")
    table.add_column("multiply-adds", justify="right")
    for layer in summary.layers:
        # height × width × channels, as papers print it; torch has the channels first
        shape = " × ".join(str(side) for side in (*layer.output_shape[1:], layer.output_shape[0]))
        table.add_row(layer.name, layer.kind, shape, f"{layer.parameters:,}", f"{layer.multiply_adds:,}")
    table_console().print(table)
    print(f"Total parameters: {summary.total:,}")
    print(f"Trainable parameters: {summary.trainable:,}")
    print(f"Non-trainable parameters: {summary.total - summary.trainable:,}")
    print(f"Multiply-adds per face: {summary.multiply_adds:,}")


def _print_card(name: str) -> None:
    from mien.recognition.recognizer import load_recognizer

    recognizer = load_recognizer(name)
    record = json.loads(recognizer.metadata.to_json())
    record["training"].pop("history", None)  # one row per epoch, too long to read: `mien report` plots it
    print(json.dumps(record, indent=2))
    print_last_line(f"{recognizer.path}: metadata of the model")
