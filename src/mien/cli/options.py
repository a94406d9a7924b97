"""Options that several commands share, each declared once."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.decision import Decision
from mien.detection.registry import DEFAULT_DETECTOR, list_detectors
from mien.detection.settings import SearchMode
from mien.imaging import MAX_PIXELS
from mien.metadata import LabelConvention
from mien.runtime.devices import Device

if TYPE_CHECKING:
    from mien.recognition.pipeline import ExpressionPipeline

# Option names and help are written once here; commands that want another help text declare their own.
ModelOption = Annotated[str, typer.Option(help="A name that `mien models` lists, or an .onnx file.")]
DetectorOption = Annotated[str, typer.Option(help=f"One of {', '.join(list_detectors())}.")]
DetectorFileOption = Annotated[Path | None, typer.Option(help="The ONNX file of yunet.")]
SearchOption = Annotated[SearchMode, typer.Option(help="How closely a picture is searched for small faces.")]
MinFaceOption = Annotated[
    float | None, typer.Option(metavar="PX|SHARE", help="Smallest face: pixels, or below 1 a share of the long side.")
]
MaxFacesOption = Annotated[int | None, typer.Option(help="Keep at most this many faces of a picture, the largest.")]
MinDetectorScoreOption = Annotated[
    float | None, typer.Option(help="Leave out faces with a lower detector score, 0 to 1.")
]
SmoothingOption = Annotated[float, typer.Option(help="Time constant of smoothing in seconds; 0 is off.")]
DeviceOption = Annotated[
    Device, typer.Option(help="Where networks run; auto takes a graphics card if onnxruntime supports one.")
]
ThreadsOption = Annotated[int, typer.Option(help="Threads of each network.")]
LabelsOption = Annotated[
    LabelConvention,
    typer.Option(help="What people see on a face, or what it was meant to show; see docs/explanation/labels.md."),
]
PriorOption = Annotated[
    str | None, typer.Option(help="Assume other base rates: balanced, or a .json file of rates by expression.")
]
DecisionOption = Annotated[
    Decision, typer.Option(help="Name expressions by the model's decision rule, or the most probable one.")
]
AllowUrlsOption = Annotated[
    bool, typer.Option("--allow-urls", help="Fetch pictures at https addresses; never from a private network.")
]
MaxPixelsOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Refuse pictures and frames with more pixels, before they are decoded.")
]


ExcelSafeOption = Annotated[
    bool, typer.Option("--excel-safe", help="Guard text in CSV that a spreadsheet would run as a formula.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """The options of every command that reads faces: network, detector, search, labels, device."""

    model: ModelOption = "default"
    detector: DetectorOption = DEFAULT_DETECTOR
    detector_file: DetectorFileOption = None
    search: SearchOption = "default"
    min_face: MinFaceOption = None
    max_faces: MaxFacesOption = None
    min_detector_score: MinDetectorScoreOption = None
    labels: LabelsOption = "perceived"
    prior: PriorOption = None
    decision: DecisionOption = "rule"
    device: DeviceOption = "auto"

    def load(
        self,
        *,
        threads: int | None = None,
        min_confidence: float = 0.0,
        max_pixels: int = MAX_PIXELS,
        allow_urls: bool = False,
    ) -> "ExpressionPipeline":
        """The pipeline with these options and those of the command."""
        from mien.recognition.pipeline import load  # --help needs no network

        # the fields are named as load() names its parameters
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return load(**own, threads=threads, min_confidence=min_confidence, max_pixels=max_pixels, allow_urls=allow_urls)


def with_reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of :class:`ReadingOptions`, in place of its parameter ``reading``.

    Typer builds options from a function's signature, so the fields are put into it, and taken out of a call again.
    """
    names = {field.name for field in fields(ReadingOptions)}

    @wraps(command)  # Typer takes name and help from it
    def called(**given: Any) -> None:
        reading = ReadingOptions(**{name: given.pop(name) for name in names & given.keys()})
        command(**given, reading=reading)

    # Annotations are evaluated here, since Typer resolves them in the module of the command.
    own, shared = signature(command, eval_str=True), signature(ReadingOptions, eval_str=True)
    parameters = list[Parameter]()
    for name, parameter in own.parameters.items():
        # At the place of the parameter, which is where --help lists them.
        parameters += shared.parameters.values() if name == "reading" else [parameter]
    called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return called
