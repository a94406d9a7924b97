"""Options that several commands have, each told in one way."""

from pathlib import Path
from typing import Annotated

import typer

from mien.detection.registry import list_detectors

ModelOption = Annotated[str, typer.Option(help="A name that `mien models` lists, or an .onnx file.")]
DetectorOption = Annotated[str, typer.Option(help=f"One of {', '.join(list_detectors())}.")]
DetectorFileOption = Annotated[Path | None, typer.Option(help="The ONNX file of yunet.")]
SmoothingOption = Annotated[float, typer.Option(help="Time constant of smoothing in seconds; 0 is off.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads of each network.")]
