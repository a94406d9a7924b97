"""``mien bench``: what reading faces costs on this machine."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from mien.benchmark import run_benchmark
from mien.cli.options import DeviceOption, ModelOption
from mien.render.tables import table_console
from mien.render.text import rounded


def bench(
    photo: Annotated[Path | None, typer.Argument(help="A photo with a face; default: that of mien[demo].")] = None,
    *,
    model: ModelOption = "default",
    device: DeviceOption = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of which medians are taken.")] = 20,
    format: Annotated[Literal["table", "json"], typer.Option(help="For people or programs.")] = "table",  # noqa: A002
) -> None:
    """Measure stages, latency, throughput, cold start and memory here, and the share of the machine's peak rate in use.

    Other work on the machine slows every measurement except the share: compare only measurements of one run.

    Examples:
        mien bench

        mien bench photo.jpg --format json
    """
    result = run_benchmark(photo, model=model, device=device, rounds=rounds)
    if format == "json":
        print(json.dumps(rounded(result.to_dict()), indent=2))
    else:
        table_console().print(*(table.to_rich() for table in result.tables()))
