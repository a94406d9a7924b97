"""``mien card``: a model card in Hugging Face's format, without uploading it."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.evaluate import ProtocolsOption, ResamplesOption, SeedOption, chosen_protocols, progress
from mien.cli.last_line import print_last_line
from mien.data.splits import Split
from mien.evaluation.bootstrap import RESAMPLES
from mien.render.text import counted


def card(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a shipped model, or a model file.")],
    *,
    data: Annotated[Path | None, typer.Option("--data", help="A prepared data set to judge the model on.")] = None,
    split: Annotated[Split, typer.Option("--split", help="The test split is for a finished model.")] = "validation",
    protocol: ProtocolsOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file, such as README.md.")] = None,
    resamples: ResamplesOption = RESAMPLES,
    seed: SeedOption = 0,
) -> None:
    """Write a model card with front matter for Hugging Face's hub, from the model file and, with --data, new results.

    Examples:
      mien card default
      mien card model.onnx --data DATA --protocol majority --protocol votes --out README.md
    """
    from mien.data.dataset import open_dataset
    from mien.evaluation.predictors import EvaluationOptions
    from mien.evaluation.results import EvaluationResult
    from mien.evaluation.run import evaluate
    from mien.recognition.recognizer import load_recognizer
    from mien.reporting.model_card import model_card
    from mien.runtime.files import sha256_of, write_text

    recognizer = load_recognizer(model)
    results: tuple[EvaluationResult, ...] = ()
    name = "FER+"  # the data set of the results in the shipped files
    if data is not None:  # without it, the results that the model file carries
        dataset = open_dataset(data)
        name = str(dataset.manifest.get("name", name))
        with progress() as report:
            options = EvaluationOptions(labels=recognizer.labels, resamples=resamples, seed=seed, progress=report)
            protocols = chosen_protocols(protocol, dataset, split)
            results = evaluate(recognizer, dataset, split=split, protocols=protocols, options=options)
    text = model_card(recognizer.metadata, results, sha256=sha256_of(recognizer.path), data_name=name)
    if out is None:
        print(text, end="")
    else:
        write_text(out, text)
    judged = f"judged by {counted(len(results), 'protocol')}" if results else "with the results in the file"
    print_last_line(f"{recognizer.metadata.name}, {judged}", [] if out is None else [out])
