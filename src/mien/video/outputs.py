"""The files that a video is turned into, and what is refused before an hour of reading."""

from dataclasses import dataclass
from pathlib import Path

from mien.errors import ConfigError
from mien.render.plots import load_figure, plot_format
from mien.runtime.files import check_writable
from mien.video.sinks.annotated import h264_encoder
from mien.video.sources.base import VideoSource, files_of
from mien.video.sources.fingerprint import can_be_read_again
from mien.video.sources.open import spare_source


@dataclass(frozen=True, slots=True)
class VideoOutputs:
    """Files to make of a video; None is not made.

    Attributes:
        table: Rows as ``.csv``, ``.jsonl`` or ``.parquet``.
        annotated: The annotated video as ``.mp4``.
        plot: The timeline as a picture.
        report: The timeline and the summary as HTML.
        title: What the report calls the video; None is its file's name.
    """

    table: Path | None = None
    annotated: Path | None = None
    plot: Path | None = None
    report: Path | None = None
    title: str | None = None

    @property
    def files(self) -> list[Path]:
        """All files that are made."""
        return [path for path in (self.table, self.annotated, self.plot, self.report) if path is not None]


def check_outputs(video: VideoSource, outputs: VideoOutputs, *, resume: bool) -> None:
    """Refuse what would fail at the end of a long run.

    Raises:
        ConfigError: An output is the source itself or another output, or has no known ending, or the run cannot be
            resumed although ``resume`` asks for it.
        MissingDependencyError: An output needs an extra that is not installed.
        StorageError: An output cannot be written.
    """
    spare_source(video, *outputs.files)
    if len({path.resolve() for path in outputs.files}) < len(outputs.files):
        raise ConfigError("two outputs have one name, and one would be lost", hint="give each its own")
    if outputs.report is not None and outputs.report.suffix.lower() not in {".html", ".htm"}:
        raise ConfigError(f"{outputs.report}: a report ends in .html", hint="a table is --out, a picture --plot")
    # Each of these raises where its extra or its format is missing; the results are not needed here.
    if outputs.annotated is not None:
        h264_encoder(outputs.annotated)
    if outputs.plot is not None:
        plot_format(outputs.plot)
    if outputs.report is not None:
        load_figure()
    check_writable(*outputs.files)
    problem = resuming_problem(video, outputs) if resume else None
    if problem is not None:
        raise problem


def resuming_problem(video: VideoSource, outputs: VideoOutputs) -> ConfigError | None:
    """Why such a run cannot be resumed, None where it can."""
    if outputs.table is None:
        return ConfigError("resuming needs the table of the earlier run", hint="give --out")
    if outputs.annotated is not None:  # an MP4 that was not closed has no index, and cannot be continued
        return ConfigError("an annotated video cannot be resumed", hint="leave out --save, or --resume")
    if video.info.live or not can_be_read_again(files_of(video)):
        return ConfigError(f"{video.info.name}: a stream, a pipe or pictures in memory cannot be resumed")
    return None
