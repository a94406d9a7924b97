"""``mien compare``: two models on the same images, with paired intervals."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.evaluate import (
    DataOption,
    JsonOption,
    ProtocolsOption,
    ResamplesOption,
    SeedOption,
    Subject,
    chosen_protocols,
    load_array,
    load_subject,
    progress,
)
from mien.cli.last_line import print_last_line
from mien.data.splits import Split
from mien.evaluation.bootstrap import RESAMPLES
from mien.render.tables import table_console
from mien.render.text import counted, rounded

_HELP = "Name of a shipped model, a model file, or an .npy file of probabilities."


def compare(
    first: Annotated[str, typer.Argument(metavar="FIRST", help=_HELP)],
    second: Annotated[str, typer.Argument(metavar="SECOND", help=_HELP)],
    data: DataOption,
    *,
    split: Annotated[Split, typer.Option("--split", help="Choose on the validation split.")] = "validation",
    protocol: ProtocolsOption = None,
    json_output: JsonOption = False,
    resamples: ResamplesOption = RESAMPLES,
    seed: SeedOption = 0,
) -> None:
    """Compare two models on the same images: the gain of SECOND over FIRST, with paired 95 % intervals.

    Each resample weighs the same images for both models, which shows differences that separate intervals hide.

    Examples:
      mien compare capstone resnet-wide --data DATA
      mien compare resnet-wide mine.onnx --data DATA --protocol votes --json
      mien compare resnet-wide theirs.npy --data DATA --split test --protocol majority
    """
    from mien.data.dataset import open_dataset
    from mien.evaluation.comparison import compare as compare_models
    from mien.evaluation.predictors import EvaluationOptions
    from mien.evaluation.tables import comparison_table

    dataset = open_dataset(data)
    # both sides are opened before either is evaluated, so that a mistyped second name fails at once
    sides = [_side(name) for name in (first, second)]
    protocols = chosen_protocols(protocol, dataset, split)
    with progress() as report:
        options = EvaluationOptions(resamples=resamples, seed=seed, progress=report)
        one, two = (side.predictor for side in sides)
        found = compare_models(one, two, dataset, split=split, protocols=protocols, options=options)
    if json_output:
        # file hashes, so that a stored comparison identifies what it compared
        names = {"first": sides[0].origin, "second": sides[1].origin}
        records = [{"models": names, **rounded(each.to_dict())} for each in found]
        print(json.dumps(records[0] if len(records) == 1 else records, indent=2))
    else:
        tables = (comparison_table(each, sides[0].name, sides[1].name) for each in found)
        table_console().print(*(table.to_rich() for table in tables))
    print_last_line(f"{sides[0].name} and {sides[1].name}: {counted(len(found), 'protocol')}")


def _side(name: str) -> Subject:
    return load_array(Path(name)) if name.endswith(".npy") else load_subject(name)
