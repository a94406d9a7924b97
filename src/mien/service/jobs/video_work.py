"""Reading one uploaded video in a process of its own: a table, an annotated video, a timeline and a summary.

Decoders, demuxers and encoders are written in C, and a stranger's file may crash them or hang them: this process can be
lost. ``video_reader.py`` starts it and waits for it.
"""

import json
import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from mien.errors import MienError, MissingDependencyError, OverdueError
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.render.plots import load_figure
from mien.runtime.files import write_text
from mien.service.inference.face_limit import limit_faces
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import VideoSummary, record_video
from mien.video.results import FrameResult
from mien.video.resume import progress_file
from mien.video.settings import VideoSettings
from mien.video.sinks.timeline import Timeline
from mien.video.sinks.timeline_plot import MAX_TRACKS
from mien.video.sources.open import open_video

#: Formats of uploads, by FFmpeg's names: mov includes MP4 and 3GP, matroska WebM, asf WMV. None of them can refer to
#: other files or addresses, as playlists (HLS, DASH, ffconcat) and session descriptions (SDP) do.
FORMATS = ("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "gif")
#: Name of the file in the work folder that holds the share of the video that is done.
SHARE_FILE = "share.txt"
_SHARE_EVERY_S = 0.2


@dataclass(frozen=True)
class VideoTask:
    """One video to read.

    Attributes:
        source: The upload.
        folder: The empty folder for the results.
        name: What the client calls the video.
        pipeline: Options of :func:`mien.load`.
        max_faces: Most faces in a frame.
        max_pixels: Most pixels of a frame.
        max_s: Longest time, in seconds.
        server: Process id of the server; without it nobody waits for the results.
    """

    source: Path
    folder: Path
    name: str
    pipeline: Mapping[str, Any]
    max_faces: int
    max_pixels: int
    max_s: float
    server: int


def read_upload(task: VideoTask) -> str | None:
    """Write the results; returns the traceback of an exception that is not one of ours, for the server's log.

    Raises:
        SourceError: It is not a video in one of ``FORMATS``, or no frame can be read.
        LimitError: A frame shows too many faces.
        OverdueError: It took longer than the task allows.
        StorageError: A result cannot be written.
    """
    try:
        _read(task)
    except (MienError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - the server logs it, whatever it is
        return traceback.format_exc()
    return None


def too_slow(max_s: float) -> OverdueError:
    """The error of a video that takes too long."""
    return OverdueError(f"not read within {max_s:g} s; send a shorter or smaller video")


def _read(task: VideoTask) -> None:
    end_s, next_s = monotonic() + task.max_s, 0.0
    loaded = load(**task.pipeline)
    detector = limit_faces(loaded.detector, task.max_faces)
    pipeline = ExpressionPipeline(detector, loaded.recognizer, min_confidence=loaded.min_confidence)
    video = open_video(task.source, max_pixels=task.max_pixels, formats=FORMATS)
    length_s, share_file = video.info.duration_s, task.folder / SHARE_FILE

    def follow(result: FrameResult) -> None:
        nonlocal next_s
        if os.getppid() != task.server:  # it was killed; the next server begins the video again, in the same folder
            os._exit(1)
        if monotonic() > end_s:
            raise too_slow(task.max_s)
        if length_s and monotonic() > next_s:
            next_s = monotonic() + _SHARE_EVERY_S
            with suppress(OSError):  # writing the results reports a full disk
                share_file.write_text(str(result.timestamp_s / length_s), encoding="ascii")

    summary = record_video(
        video, FrameAnalyzer(pipeline, VideoSettings()), _outputs(task.folder, task.name), listener=follow
    )
    share_file.unlink(missing_ok=True)
    progress_file(task.folder / "rows.csv").unlink()  # it holds paths of this server; its hashes are in the summary
    _write_json(task.folder / "summary.json", _summary(summary, task.name))
    _write_json(task.folder / "timeline.json", _curves(summary.timeline))


def _outputs(folder: Path, name: str) -> VideoOutputs:
    table, annotated = folder / "rows.csv", folder / "annotated.mp4"
    try:
        load_figure()
    except MissingDependencyError:
        return VideoOutputs(table, annotated)
    return VideoOutputs(table, annotated, folder / "timeline.png", folder / "report.html", title=name)


def _summary(summary: VideoSummary, name: str) -> dict[str, Any]:
    """The record of the video and of each track, the longest first."""
    read = {"frames": summary.frames, "seconds": summary.end_s, "warnings": list(summary.warnings)}
    made_with = {"damaged": summary.damaged, "sha256": dict(summary.hashes)}
    return {"schema": 2, "name": name, **read, **made_with, "tracks": [track.to_dict() for track in summary.tracks]}


def _curves(timeline: Timeline) -> dict[str, Any]:
    """Mean probabilities of the longest tracks in equal bins of time, three digits, null where not on the screen."""
    tracks = []
    for summary in timeline.summaries()[:MAX_TRACKS]:
        curve = timeline.curves(summary.track_id)
        rows = [None if np.isnan(row).any() else [round(share, 3) for share in row.tolist()] for row in curve]
        tracks.append({"track_id": summary.track_id, "probabilities": rows})
    labels = [str(label) for label in timeline.labels]
    return {"schema": 1, "bin_s": timeline.bin_s, "seconds": timeline.end_s, "labels": labels, "tracks": tracks}


def _write_json(path: Path, record: dict[str, Any]) -> None:
    write_text(path, json.dumps(record, separators=(",", ":")))
