"""Reading uploaded videos: a file that nobody vouches for becomes a table, a drawn video, a timeline and figures.

It does not know jobs: who calls it keeps upload, folder and progress.
"""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from mien.errors import MissingDependencyError, OverdueError
from mien.recognition.pipeline import ExpressionPipeline
from mien.render.plots import load_figure
from mien.runtime.files import write_text
from mien.service.engine import MakeRunner
from mien.service.settings import ServiceSettings
from mien.video.analyzer import FrameAnalyzer
from mien.video.record import Outputs, VideoSummary, record_video
from mien.video.results import FrameResult
from mien.video.settings import VideoSettings
from mien.video.sinks.timeline import Timeline
from mien.video.sinks.timeline_plot import MAX_TRACKS
from mien.video.sources.decoding import load_av
from mien.video.sources.files import VideoFile

#: What an upload may be, in FFmpeg's names: mov is MP4 and 3GP too, matroska WebM, asf WMV. None of them names other
#: files or addresses, as playlists (HLS, DASH, ffconcat) and descriptions (SDP) do.
FORMATS = ("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "gif")

_LOG = logging.getLogger("mien.service")


def make_video_reader(settings: ServiceSettings) -> MakeRunner | None:
    """What makes a reader of videos; None without a folder for jobs, or without PyAV, which is logged."""
    if settings.jobs_folder is None:
        return None
    try:
        load_av()
    except MissingDependencyError as err:
        _LOG.warning("no videos are taken: %s (%s)", err, err.hint)
        return None
    os.environ.setdefault("MPLCONFIGDIR", str(settings.jobs_folder / "matplotlib"))  # its cache, else in the home
    return lambda pipeline: VideoReader(pipeline, settings)


class VideoReader:
    """Reads one video after the other with a pipeline that others may use at the same time.

    Results are ``rows.csv``, ``annotated.mp4``, ``summary.json`` and ``timeline.json``; with the extra ``plots`` also
    ``timeline.png`` and ``report.html``.
    """

    def __init__(self, pipeline: ExpressionPipeline, settings: ServiceSettings) -> None:
        self._pipeline, self._settings, self._plots = pipeline, settings, _can_plot()

    def __call__(self, source: Path, folder: Path, name: str, progress: Callable[[float], None]) -> None:
        """Write the results into ``folder``, which is emptied first.

        Raises:
            SourceError: It is no video in one of ``FORMATS``, or not one frame can be read.
            LimitError: A frame shows too many faces.
            OverdueError: It took longer than the settings allow.
            StorageError: A result cannot be written.
        """
        for left in folder.iterdir():
            left.unlink()
        video = VideoFile(source, max_pixels=self._settings.max_pixels, formats=FORMATS)
        length_s, end_s = video.info.duration_s, monotonic() + self._settings.max_video_s

        def follow(result: FrameResult) -> None:
            if monotonic() > end_s:
                raise OverdueError(f"not read within {self._settings.max_video_s:g} s; send a shorter or smaller video")
            progress(result.timestamp_s / length_s if length_s else 0.0)

        analyzer = FrameAnalyzer(self._pipeline, VideoSettings())
        summary = record_video(video, analyzer, self._outputs(folder, name), listener=follow)
        _write_json(folder / "summary.json", _figures(summary, name))
        _write_json(folder / "timeline.json", _curves(summary.timeline))

    def _outputs(self, folder: Path, name: str) -> Outputs:
        table, annotated = folder / "rows.csv", folder / "annotated.mp4"
        if not self._plots:
            return Outputs(table, annotated)
        return Outputs(table, annotated, folder / "timeline.png", folder / "report.html", title=name)


def _can_plot() -> bool:
    try:
        load_figure()
    except MissingDependencyError:
        return False
    return True


def _figures(summary: VideoSummary, name: str) -> dict[str, Any]:
    """What the video came to, each face in figures, the longest first."""
    read = {"frames": summary.frames, "seconds": summary.end_s, "problems": list(summary.warnings)}
    return {"schema": 1, "name": name, **read, "tracks": [track.to_dict() for track in summary.tracks]}


def _curves(timeline: Timeline) -> dict[str, Any]:
    """Mean probabilities of the longest tracks in equal bins of time, to draw: three digits, null where not seen."""
    tracks = []
    for summary in timeline.summaries()[:MAX_TRACKS]:
        curve = timeline.curves(summary.track_id)
        rows = [None if np.isnan(row).any() else [round(share, 3) for share in row.tolist()] for row in curve]
        tracks.append({"track_id": summary.track_id, "probabilities": rows})
    labels = [str(label) for label in timeline.labels]
    return {"schema": 1, "bin_s": timeline.bin_s, "seconds": timeline.end_s, "labels": labels, "tracks": tracks}


def _write_json(path: Path, record: dict[str, Any]) -> None:
    write_text(path, json.dumps(record, separators=(",", ":")))
