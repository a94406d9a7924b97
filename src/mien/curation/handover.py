"""Hand-over to other tools: Label Studio's tasks and its export, FiftyOne's data set on disk.

Label Studio (labelstud.io/guide/tasks, "Basic Label Studio JSON format"): a list of tasks, each with ``data`` and
optional ``predictions``; its export is the same list with ``annotations``, each with a ``result``, whose items of type
``choices`` hold ``value.choices``.

FiftyOne (docs.voxel51.com, FiftyOneImageClassificationDataset): ``data/NAME.png`` and ``labels.json`` with ``classes``
and ``labels``, a target for each NAME.
"""

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.data.dataset import FerDataset
from mien.data.decisions import Decision
from mien.data.ferplus import MOST_VOTES, VOTE_COLUMNS
from mien.errors import DatasetFormatError, DatasetNotFoundError
from mien.expressions import FERPLUS_LABELS
from mien.render.html import data_uri
from mien.runtime.files import atomic_folder, write_text

#: Choices besides the eight: an image that is to be dropped, and one that nobody can name.
NOT_A_FACE, UNKNOWN = "not a face", "unknown"
_LABELS = [str(label) for label in FERPLUS_LABELS]
_MAX_EXPORT_BYTES = 1 << 28

#: Label Studio's labeling configuration for these tasks.
LABELING_CONFIG = "\n".join(
    [
        "<View>",
        '  <Image name="image" value="$image" zoom="true"/>',
        '  <Choices name="expression" toName="image" choice="single" required="true">',
        *(f'    <Choice value="{name}" hotkey="{key}"/>' for key, name in enumerate([*_LABELS, UNKNOWN], 1)),
        f'    <Choice value="{NOT_A_FACE}" hotkey="0"/>',
        "  </Choices>",
        "</View>",
        "",
    ]
)


def write_label_studio(
    dataset: FerDataset, positions: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating], folder: Path
) -> None:
    """Write ``tasks.json``, with the pictures inside, and ``labeling_config.xml``.

    Args:
        dataset: A prepared data set.
        positions: Its rows to hand over.
        probabilities: (N, 8); the most probable expression is shown as a prediction.
        folder: Where to write.

    Raises:
        StorageError: The place cannot be written.
    """
    tasks = [_task(dataset, int(at), probabilities[at]) for at in positions]
    write_text(folder / "tasks.json", json.dumps(tasks, indent=1))
    write_text(folder / "labeling_config.xml", LABELING_CONFIG)


def read_label_studio(path: Path) -> tuple[Decision, ...]:
    """Decisions from Label Studio's JSON export; several people's choices of one image become votes.

    An image that most call not a face is dropped; one that was skipped, or that nobody annotated, is left out.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetFormatError: It is no export of tasks that :func:`write_label_studio` wrote.
    """
    decisions = []
    for number, task in enumerate(_read_tasks(path)):
        place = f"{path}: task {number}"
        data = task.get("data") if isinstance(task, dict) else None
        row = data.get("row") if isinstance(data, dict) else None
        if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row < 1 << 31:
            raise DatasetFormatError(f"{place} has no row", hint="export tasks that mien data select wrote, as JSON")
        choices = Counter(_choices(task.get("annotations"), place))
        if not choices:
            continue
        why = f"Label Studio: {sum(choices.values())} people"
        # a majority drops; a single person's doubt stays a vote for NF
        if choices[NOT_A_FACE] * 2 > sum(choices.values()):
            decisions.append(Decision(row, "drop", None, why))
            continue
        names = {**{name: name for name in _LABELS}, UNKNOWN: "unknown", NOT_A_FACE: "NF"}
        votes = [0] * len(VOTE_COLUMNS)
        for choice, count in choices.items():
            votes[VOTE_COLUMNS.index(names[choice])] = min(count, MOST_VOTES)
        has_expression = any(votes[: len(_LABELS)])
        decisions.append(
            Decision(row, "relabel" if has_expression else "skip", tuple(votes) if has_expression else None, why)
        )
    return tuple(decisions)


def write_fiftyone(dataset: FerDataset, positions: npt.NDArray[np.int64], folder: Path) -> None:
    """Write ``data/`` and ``labels.json`` as FiftyOne reads them; votes, split, person and groups are attributes.

    Raises:
        StorageError: The place cannot be written.
    """
    labels: dict[str, Any] = {}
    with atomic_folder(folder) as temporary:
        (temporary / "data").mkdir()
        for at in positions.tolist():
            name = f"row{int(dataset.rows[at]):07d}"  # the published row, which decisions refer to
            (temporary / "data" / f"{name}.png").write_bytes(_png(dataset, at))
            votes = dataset.votes[at]
            attributes: dict[str, Any] = {c: int(n) for c, n in zip(VOTE_COLUMNS, votes.tolist(), strict=True)}
            attributes |= {"split": ("train", "validation", "test")[dataset.splits[at]]}
            if dataset.persons is not None:
                attributes["person"] = str(dataset.persons[at])
            for group in dataset.group_names:
                attributes[group] = str(dataset.groups[group][at]) if dataset.groups is not None else ""
            label = int(votes[: len(_LABELS)].argmax()) if votes[: len(_LABELS)].any() else None
            labels[name] = None if label is None else {"label": label, "attributes": attributes}
        content = json.dumps({"classes": _LABELS, "labels": labels}, indent=1)
        (temporary / "labels.json").write_text(content, encoding="utf-8")


def _task(dataset: FerDataset, at: int, probabilities: npt.NDArray[np.floating]) -> dict[str, Any]:
    best = int(probabilities.argmax())
    return {
        "data": {
            "image": data_uri(_png(dataset, at)),
            "row": int(dataset.rows[at]),
        },
        "predictions": [
            {
                "model_version": "mien",
                "score": round(float(probabilities[best]), 4),
                "result": [
                    {
                        "from_name": "expression",
                        "to_name": "image",
                        "type": "choices",
                        "value": {"choices": [_LABELS[best]]},
                    }
                ],
            }
        ],
    }


def _png(dataset: FerDataset, at: int) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.asarray(dataset.images[at, :, :, 0])).save(buffer, "PNG")
    return buffer.getvalue()


def _read_tasks(path: Path) -> list[Any]:
    try:
        with path.open("rb") as stream:
            tasks = json.loads(stream.read(_MAX_EXPORT_BYTES))  # pictures are inside, so exports are large
    except OSError as err:
        raise DatasetNotFoundError(f"{path}: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        raise DatasetFormatError(
            f"{path}: not JSON ({str(err)[:80]})", hint="export from Label Studio as JSON"
        ) from err
    if not isinstance(tasks, list):
        raise DatasetFormatError(f"{path}: expected a list of tasks", hint="export from Label Studio as JSON")
    return tasks


def _choices(annotations: object, place: str) -> list[str]:
    """What each person chose, without those who skipped."""
    found = []
    for annotation in annotations if isinstance(annotations, list) else []:
        # Label Studio keeps skipped tasks as annotations that were cancelled
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        results = annotation.get("result")
        for result in results if isinstance(results, list) else []:
            value = result.get("value") if isinstance(result, dict) else None
            chosen = value.get("choices") if isinstance(value, dict) else None
            for choice in chosen if isinstance(chosen, list) else []:
                if not isinstance(choice, str) or choice not in {*_LABELS, UNKNOWN, NOT_A_FACE}:
                    raise DatasetFormatError(f"{place}: choice {str(choice)[:20]!r} is none of this labeling's")
                found.append(str(choice))
    return found
