"""The sink that gathers the timeline and, at the end, writes the plot and the report."""

from pathlib import Path

from mien.expressions import LabelSet
from mien.video.results import FrameResult
from mien.video.sinks.base import Ending
from mien.video.sinks.report import write_report
from mien.video.sinks.timeline import Timeline
from mien.video.sinks.timeline_plot import plot_timeline
from mien.video.sources.base import VideoInfo


class TimelineFiles:
    """Gathers results into ``timeline``.

    Args:
        timeline: Gets every result.
        plot: The picture to write, or None.
        report: The HTML page to write, or None.
        title: What the report calls the video.
        notes: What the report says about the reading; read when it is written, since warnings come until the end.
    """

    name = "write timeline"

    def __init__(
        self, timeline: Timeline, plot: Path | None, report: Path | None, *, title: str, notes: list[str]
    ) -> None:
        self._timeline, self._plot, self._report, self._title, self._notes = timeline, plot, report, title, notes

    def open(self, video: VideoInfo, labels: LabelSet) -> None:
        """Nothing is written before the end."""

    def write(self, result: FrameResult) -> None:
        """Add a result to the timeline."""
        self._timeline.add(result)

    def close(self, ending: Ending) -> None:
        """Write the files, unless an error ended the reading."""
        if ending is not Ending.FAILED:
            self.write_files()

    def write_files(self) -> None:
        """Write plot and report as of now.

        Raises:
            StorageError: A place cannot be written.
            MissingDependencyError: matplotlib is not installed.
        """
        if self._plot is not None:
            plot_timeline(self._timeline, self._plot)
        if self._report is not None:
            write_report(self._timeline, self._report, title=self._title, notes=self._notes)
