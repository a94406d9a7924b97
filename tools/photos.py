"""The predictions of every shipped model on the capstone's nine photos, beside those of its report.

Makes docs/reference/capstone-photos.md.

    python tools/photos.py FOLDER

FOLDER holds the photos and expected.json. The photos are copyrighted and are not part of this repository.
"""

import argparse
import json
from pathlib import Path

from mien.recognition.pipeline import load
from mien.recognition.results import ImageResult
from mien.runtime.files import write_text
from mien.weights import list_weights

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "capstone-photos.md"
HEAD = """# The capstone's nine photos

Faces from left to right, with the probability of the first choice; made by `python tools/photos.py FOLDER`. What
the report says is what its own network said, not a truth; faces are counted by eye.

"""


def said(result: ImageResult) -> str:
    return ", ".join(f"{face.probabilities.top} {face.probability:.2f}" for face in result.faces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["photos"]
    models = list(list_weights(aliases=False))
    pipelines = {name: load(name) for name in models}
    lines = [
        f"| photo | faces by eye | found | the report | {' | '.join(models)} |",
        "|---|---:|---:|---" + "|---" * len(models) + "|",
    ]
    agreed, single = dict.fromkeys(models, 0), 0
    for photo, record in sorted(expected.items()):
        results = {name: pipeline.predict(folder / photo) for name, pipeline in pipelines.items()}
        alone = record["faces_reported"] == 1
        single += alone
        for name, result in results.items():
            agreed[name] += alone and [str(face.probabilities.top) for face in result.faces] == record["reported"]
        found = len(results[models[0]].faces)
        texts = " | ".join(said(result) for result in results.values())
        lines.append(f"| {photo} | {record['faces_by_eye']} | {found} | {', '.join(record['reported'])} | {texts} |")
    counts = ", ".join(f"`{name}` {count} of {single}" for name, count in agreed.items())
    write_text(PAGE, HEAD + "\n".join(lines) + f"\n\nSingle faces on which a model and the report agree: {counts}.\n")
    print(f"wrote {PAGE.name}: {counts}")


if __name__ == "__main__":
    main()
