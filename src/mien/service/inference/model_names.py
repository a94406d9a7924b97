"""The names under which clients choose a model: those of the files, without the folders of the server."""

from collections.abc import Sequence
from pathlib import Path


def model_names(paths: Sequence[Path]) -> dict[str, Path]:
    """The path of each model by its name, in the order given; a file that is given twice is listed once.

    Files of the same name are distinguished by as many of their folders as that takes.

    Examples:
        >>> list(model_names([Path("/srv/runs/a/model.onnx"), Path("/srv/runs/b/model.onnx"), Path("/srv/other.onnx")]))
        ['a/model', 'b/model', 'other']
    """
    distinct = list(dict.fromkeys(path.absolute() for path in paths))
    return {_shortest_tail(path, [other for other in distinct if other != path]): path for path in distinct}


def _shortest_tail(path: Path, others: Sequence[Path]) -> str:
    """The last parts of a path, without the ending, that none of the others ends in."""
    parts = path.with_suffix("").parts
    for length in range(1, len(parts)):
        tail = parts[-length:]
        if not any(other.with_suffix("").parts[-length:] == tail for other in others):
            return "/".join(tail)
    return str(path)  # only the endings differ
