"""Options that several commands have, each told in one way."""

from pathlib import Path
from typing import Annotated

import typer

from mien.decision import Decision
from mien.detection.registry import list_detectors
from mien.detection.settings import SearchMode
from mien.metadata import LabelConvention
from mien.runtime.devices import Device

ModelOption = Annotated[str, typer.Option(help="A name that `mien models` lists, or an .onnx file.")]
DetectorOption = Annotated[str, typer.Option(help=f"One of {', '.join(list_detectors())}.")]
DetectorFileOption = Annotated[Path | None, typer.Option(help="The ONNX file of yunet.")]
SearchOption = Annotated[
    SearchMode, typer.Option(help="Look at a picture once, closer where it may hide faces, or closer everywhere.")
]
MinFaceOption = Annotated[
    float | None, typer.Option(metavar="PX|SHARE", help="Smallest face: pixels, or below 1 a share of the long side.")
]
MaxFacesOption = Annotated[int | None, typer.Option(help="Keep so many faces of a picture, the largest.")]
MinDetectorScoreOption = Annotated[
    float | None, typer.Option(help="Leave out faces that the detector is less sure of, 0 to 1.")
]
SmoothingOption = Annotated[float, typer.Option(help="Time constant of smoothing in seconds; 0 is off.")]
DeviceOption = Annotated[
    Device, typer.Option(help="What networks run on; auto takes a graphics card where onnxruntime has one.")
]
ThreadsOption = Annotated[int, typer.Option(help="Threads of each network.")]
LabelsOption = Annotated[
    LabelConvention,
    typer.Option(help="What people see on a face, or what it was meant to show; see docs/explanation/labels.md."),
]
PriorOption = Annotated[
    str | None, typer.Option(help="Answer under other base rates: balanced, or a .json file of them by expression.")
]
DecisionOption = Annotated[
    Decision, typer.Option(help="Name expressions by the model's decision rule, or the most probable one.")
]
MaxPixelsOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Refuse pictures and frames with more pixels, before they are decoded.")
]
