"""The report of a video: one HTML file with everything inside, that opens without a network.

It computes nothing: all numbers come from the timeline.
"""

from pathlib import Path

from PIL import Image

from mien.expressions import USE_NOTICE
from mien.render.faces import track_line
from mien.render.html import Page, html_table, picture_uri, share_bar
from mien.render.text import counted
from mien.runtime.files import write_text
from mien.video.sinks.timeline import Timeline, TrackSummary
from mien.video.sinks.timeline_plot import MAX_TRACKS, timeline_png

_LEGEND = (
    "A share is the part of the seconds on the screen in which the expression was the most probable; changes count how "
    "often another became so. Probabilities are smoothed."
)
#: Line styles of tracks as CSS has them; it has no dash-dot.
_CSS_LINES = {"solid": "solid", "dashed": "dashed", "dotted": "dotted", "dashdot": "double"}


def write_report(timeline: Timeline, path: Path, *, title: str, notes: list[str]) -> None:
    """Write the report.

    Args:
        timeline: Of the whole video.
        path: The file to write.
        title: Name of the video.
        notes: What could not be read, and other remarks.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        StorageError: The file cannot be written.
    """
    write_text(path, report_html(timeline, title=title, notes=notes))


def report_html(timeline: Timeline, *, title: str, notes: list[str]) -> str:
    """The report as text.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    summaries = timeline.summaries()
    shown = f", the {MAX_TRACKS} longest plotted" if len(summaries) > MAX_TRACKS else ""
    tracks = counted(len(summaries), "track")
    page = Page(f"Expressions in {title}")
    page.words(f"{counted(timeline.frames, 'frame')} read, {timeline.end_s:.1f} s, {tracks}{shown}.", kind="small")
    page.words(USE_NOTICE, kind="notice")
    for note in notes:
        page.words(f"Note: {note}.", kind="small")
    page.heading("Over time")
    page.pictures([(timeline_png(timeline), "Expressions of each face over time")])
    page.heading("Each face")
    header = ("face", "", "shares", "seconds", "from", "to", "changes", *map(str, timeline.labels))
    page.html(html_table(header, [_row(timeline, summary) for summary in summaries]))
    page.words(_LEGEND, kind="small")
    return page.to_html()


def _row(timeline: Timeline, summary: TrackSummary) -> list[str]:
    """The cells of a track, as HTML."""
    times = (f"{value:.1f}" for value in (summary.seconds, summary.first_s, summary.last_s))
    shares = (f"{share:.0%}" for share in summary.shares.values())
    bar = share_bar({str(name): share for name, share in summary.shares.items()})
    start = [str(summary.track_id), _thumbnail(timeline, summary.track_id), bar]
    return [*start, *times, str(summary.changes), *shares]


def _thumbnail(timeline: Timeline, track_id: int) -> str:
    picture = timeline.tracks[track_id].picture
    if picture is None:  # a timeline that was read back from a table has none
        return ""
    # The border is the line of the track, as on the annotated video and in the plot.
    style = f"border:3px {_CSS_LINES[track_line(track_id)]}"
    return f'<img alt="face {track_id}" style="{style}" src="{picture_uri(Image.fromarray(picture))}">'
