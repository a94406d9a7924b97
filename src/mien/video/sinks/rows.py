"""Rows as lines of text, CSV or JSON, and the sink that writes them into a stream."""

import json
from typing import Any, TextIO

from mien.expressions import LabelSet
from mien.render.text import csv_line, rounded
from mien.video.results import FrameResult
from mien.video.sinks.base import Ending
from mien.video.sources.base import VideoInfo


class RowStream:
    """A sink that writes JSON lines into an open stream, such as standard output, frame by frame."""

    name = "write rows"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def open(self, video: VideoInfo, labels: LabelSet) -> None:  # noqa: ARG002 - of the protocol
        self._labels = labels

    def write(self, result: FrameResult) -> None:
        self._stream.write(rows_text(result, self._labels, "jsonl"))
        self._stream.flush()  # the reader of a pipe gets each frame at once

    def close(self, ending: Ending) -> None:
        """Leave the stream open; its owner closes it."""


def rows_text(result: FrameResult, labels: LabelSet, form: str) -> str:
    """The rows of a frame as lines of CSV or JSON; numbers have six significant digits, times all of theirs."""
    rows = [rounded(row) | {"timestamp_s": row["timestamp_s"]} for row in result.rows(labels)]
    if form == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return "".join(csv_line([_cell(value) for value in row.values()]) for row in rows)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()  # as JSON, Parquet's reader and pandas take it
    return "" if value is None else value
