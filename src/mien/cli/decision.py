"""``mien fit-decision``: a decision rule and base rates for a model file, fitted on a data set's validation split."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.last_line import print_last_line
from mien.render.text import counted


def fit_decision(
    model: Annotated[str, typer.Argument(help="Name of a shipped model, or a model file.")],
    *,
    data: Annotated[Path, typer.Option(help="The prepared data set that the model was trained on.")],
    out: Annotated[Path, typer.Option(help="The model file to write; may be the one that is read.")],
) -> None:
    """Fit a model's decision rule and record the base rates of its training data; the network does not change.

    The rule maximizes macro-F1 on the validation split without lowering accuracy below that of naming the most probable
    expression. `mien export --data` does the same for a new file.

    Examples:
        mien fit-decision runs/resnet/model.onnx --data data/ferplus --out resnet.onnx
    """
    from mien.data.dataset import open_dataset
    from mien.evaluation.decision_rule import with_decisions
    from mien.model_file import open_model, write_model
    from mien.recognition.recognizer import load_recognizer

    recognizer, dataset = load_recognizer(model), open_dataset(data)
    # twice: onnxruntime runs the network, and the onnx package rewrites its file
    network, metadata = open_model(recognizer.path)
    metadata = with_decisions(metadata, recognizer.predict_heads, dataset)
    write_model(network, metadata, out)
    for name, head in metadata.heads.items():
        if head.decision is None:  # cross-fitting: fitted on one half of the split, judged on the other
            print(f"{name}: no rule gains in cross-fitting; the most probable expression is named")
            continue
        fitted = head.decision.fitted
        print(f"{name}: {fitted['protocol']}, {fitted['split']} split, {fitted['n']:,} faces, tau {fitted['tau']:g}")
        for title, key in (("most probable", "argmax"), ("rule", "rule"), ("rule, cross-fitted", "cross_fitted")):
            print(f"  {title:<20} accuracy {fitted[key]['accuracy']:.4f}, macro-F1 {fitted[key]['macro_f1']:.4f}")
    print_last_line(f"{counted(len(metadata.heads), 'head')}", [out])
