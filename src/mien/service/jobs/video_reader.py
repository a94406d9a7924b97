"""Reading uploaded videos: an untrusted file becomes a table, an annotated video, a timeline and a summary."""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from mien.errors import MissingDependencyError, OverdueError
from mien.render.plots import load_figure
from mien.runtime.files import write_text
from mien.service.inference.options import ReadOptions
from mien.service.inference.reader import ImageReader
from mien.service.jobs.record import Job
from mien.service.settings import ServiceSettings
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


class VideoReader:
    """Reads one video after the other, with the pipeline that other requests use at the same time.

    Results are ``rows.csv``, ``annotated.mp4``, ``summary.json`` and ``timeline.json``; with the extra ``plots`` also
    ``timeline.png`` and ``report.html``.
    """

    def __init__(self, images: ImageReader, settings: ServiceSettings) -> None:
        self._images, self._settings, self._plots = images, settings, _can_plot()

    def __call__(self, source: Path, folder: Path, job: Job, progress: Callable[[float], None]) -> None:
        """Write the results into ``folder``, which is empty.

        Raises:
            SourceError: It is not a video in one of ``FORMATS``, or no frame can be read.
            LimitError: A frame shows too many faces.
            OverdueError: It took longer than the settings allow.
            StorageError: A result cannot be written.
            RequestError: The models of this server do not support the job's options.
        """
        video = open_video(source, max_pixels=self._settings.max_pixels, formats=FORMATS)
        length_s, end_s = video.info.duration_s, monotonic() + self._settings.max_video_s

        def follow(result: FrameResult) -> None:
            if monotonic() > end_s:
                raise OverdueError(f"not read within {self._settings.max_video_s:g} s; send a shorter or smaller video")
            # progress raises where the job was canceled, which ends record_video through its sinks.
            progress(result.timestamp_s / length_s if length_s else 0.0)

        analyzer = FrameAnalyzer(self._images.pipeline_for(ReadOptions.from_query(job.options)), VideoSettings())
        summary = record_video(video, analyzer, self._outputs(folder, job.name), listener=follow)
        progress_file(folder / "rows.csv").unlink()  # it holds paths of this server; its hashes are in the summary
        _write_json(folder / "summary.json", _summary(summary, job.name))
        _write_json(folder / "timeline.json", _curves(summary.timeline))

    def _outputs(self, folder: Path, name: str) -> VideoOutputs:
        table, annotated = folder / "rows.csv", folder / "annotated.mp4"
        if not self._plots:
            return VideoOutputs(table, annotated)
        return VideoOutputs(table, annotated, folder / "timeline.png", folder / "report.html", title=name)


def _can_plot() -> bool:
    try:
        load_figure()
    except MissingDependencyError:
        return False
    return True


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
