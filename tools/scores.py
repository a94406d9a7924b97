"""Write the test metrics of the shipped models into README.md and MODEL_CARD.md.

    python tools/scores.py DATA [--check]

DATA is the prepared data set with both vote files. With --check nothing is written, and a difference is an error.
"""

import argparse
import sys
from pathlib import Path

from mien.data.dataset import FerDataset, open_dataset
from mien.evaluation.predictors import EvaluationOptions
from mien.evaluation.results import EvaluationResult
from mien.evaluation.run import evaluate, usable_protocols
from mien.evaluation.tables import class_table, with_interval
from mien.metadata import INTENDED
from mien.recognition.recognizer import load_recognizer
from mien.runtime.files import write_text
from mien.weights import list_weights

ROOT = Path(__file__).parent.parent
_SHORT = ("drawn", "votes", "majority", "majority-unique", "argmax", "fer2013")
BEGIN, END = "<!-- {name}: made by tools/scores.py -->\n", "<!-- end of {name} -->"


def results_of(name: str, dataset: FerDataset) -> dict[str, EvaluationResult]:
    """By protocol; FER2013's own labels are judged by the head made for them where the file has one."""
    perceived = load_recognizer(name)
    protocols = usable_protocols(dataset, "test")
    own = [protocol for protocol in protocols if protocol.startswith("fer2013")]
    votes = [protocol for protocol in protocols if protocol not in own]
    intended = load_recognizer(name, labels=INTENDED) if INTENDED in perceived.metadata.heads else perceived
    results = (
        *evaluate(perceived, dataset, protocols=votes, options=EvaluationOptions(labels=perceived.labels)),
        *evaluate(intended, dataset, protocols=own, options=EvaluationOptions(labels=intended.labels)),
    )
    return {result.protocol: result for result in results}


def score_table(results: dict[str, EvaluationResult], names: tuple[str, ...]) -> str:
    titles = {"macro_f1": "macro-F1", "balanced_accuracy": "balanced accuracy", "kl": "KL", "js": "JS", "ece": "ECE"}
    most = ("accuracy", "macro-F1")
    header = [titles.get(name, name) for name in names] + [f"{title}, most probable" for title in most]
    lines = ["| protocol | images | " + " | ".join(header) + " |", "|---|---:|" + "---:|" * len(header)]
    for protocol, result in results.items():
        cells = [with_interval(result, name) for name in names]
        plain = result.argmax or result
        cells += [f"{plain.accuracy:.4f}", f"{plain.macro_f1:.4f}"]
        lines.append(f"| `{protocol}` | {result.n:,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def replaced(text: str, name: str, block: str) -> str:
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"no block {name!r} between {begin.strip()} and {end}")
    return before + begin + "\n" + block + "\n" + end + after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    dataset = open_dataset(given.data)
    models = list(list_weights(aliases=False))
    short, full = "", ""
    for name in models:
        results = results_of(name, dataset)
        few = {protocol: results[protocol] for protocol in _SHORT}
        short += f"**{name}**\n\n" + score_table(few, ("accuracy", "macro_f1", "kl", "js", "ece")) + "\n"
        full += f"### {name}\n\n"
        full += score_table(results, ("accuracy", "macro_f1", "balanced_accuracy", "kl", "js", "ece"))
        full += "\n" + class_table(results["majority"]).to_markdown().replace("### ", f"#### {name}: ") + "\n"
    changed = False
    for file, name, block in (("README.md", "scores", short), ("MODEL_CARD.md", "scores", full)):
        path = ROOT / file
        text = path.read_text(encoding="utf-8")
        made = replaced(text, name, block.rstrip() + "\n")
        changed |= made != text
        if not given.check:
            write_text(path, made)
    print("changed" if changed else "unchanged")
    sys.exit(1 if given.check and changed else 0)


if __name__ == "__main__":
    main()
