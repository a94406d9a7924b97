"""The report of a video: one HTML file with everything inside, that opens without a network.

It computes no figure: all come from the timeline.
"""

from html import escape
from pathlib import Path

from PIL import Image

from mien.expressions import USE_NOTICE
from mien.render.faces import track_line
from mien.render.html import data_uri, picture_uri
from mien.render.style import EXPRESSION_COLORS
from mien.runtime.files import write_text
from mien.video.sinks.timeline import Timeline, TrackSummary
from mien.video.sinks.timeline_plot import MAX_TRACKS, timeline_png

_LEGEND = (
    "A share is the part of the seconds on the screen in which the expression was the most probable; changes count how "
    "often another became so. Probabilities are smoothed."
)
#: Lines of tracks as CSS knows them.
_CSS_LINES = {"solid": "solid", "dashed": "dashed", "dotted": "dotted", "dashdot": "double"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1f24; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
.notice, .small { color: #5b6270; font-size: 0.9rem; }
img.wide { width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { padding: 0.35rem 0.35rem; text-align: right; border-bottom: 1px solid #e6e8ec; }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
td img { width: 48px; height: 48px; display: block; border: 3px solid; border-radius: 4px; }
.bar { display: flex; width: 9rem; height: 1rem; border-radius: 3px; overflow: hidden; background: #e6e8ec; }
.bar span { display: block; height: 100%; }
"""


def write_report(timeline: Timeline, path: Path, *, title: str, notes: list[str]) -> None:
    """Write the report.

    Args:
        timeline: Of the whole video.
        path: Where to.
        title: Name of the video.
        notes: What could not be read, and other remarks.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        StorageError: The place cannot be written.
    """
    write_text(path, report_html(timeline, title=title, notes=notes))


def report_html(timeline: Timeline, *, title: str, notes: list[str]) -> str:
    """The report as text.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    summaries = timeline.summaries()
    shown = f", the {MAX_TRACKS} longest drawn" if len(summaries) > MAX_TRACKS else ""
    picture = data_uri(timeline_png(timeline))
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><h1>Expressions in {escape(title)}</h1>",
        f'<p class="small">{timeline.frames} frames read, {timeline.end_s:.1f} s, {len(summaries)} tracks{shown}.</p>',
        f'<p class="notice">{escape(USE_NOTICE)}</p>',
        *(f'<p class="small">Note: {escape(note)}.</p>' for note in notes),
        "<h2>Over time</h2>",
        f'<img class="wide" alt="Expressions of each face over time" src="{picture}">',
        "<h2>Each face</h2>",
        _table(timeline, summaries),
        f'<p class="small">{_LEGEND}</p></body></html>',
    ]
    return "\n".join(parts) + "\n"


def _table(timeline: Timeline, summaries: list[TrackSummary]) -> str:
    names = "".join(f"<th>{label}</th>" for label in timeline.labels)
    head = (
        f"<tr><th>face</th><th></th><th>shares</th><th>seconds</th><th>from</th><th>to</th><th>changes</th>{names}</tr>"
    )
    rows = "".join(_row(timeline, summary) for summary in summaries)
    return f'<div class="scroll"><table>{head}{rows}</table></div>'


def _row(timeline: Timeline, summary: TrackSummary) -> str:
    bars = "".join(
        f'<span style="width:{share:.2%};background:{EXPRESSION_COLORS[name]}" title="{name} {share:.0%}"></span>'
        for name, share in summary.shares.items()
    )
    times = "".join(f"<td>{value:.1f}</td>" for value in (summary.seconds, summary.first_s, summary.last_s))
    shares = "".join(f"<td>{share:.0%}</td>" for share in summary.shares.values())
    face = _thumbnail(timeline, summary.track_id)
    bar = f'<div class="bar">{bars}</div>'
    return f"<tr><td>{summary.track_id}</td><td>{face}</td><td>{bar}</td>{times}<td>{summary.changes}</td>{shares}</tr>"


def _thumbnail(timeline: Timeline, track_id: int) -> str:
    picture = timeline.tracks[track_id].picture
    if picture is None:
        return ""
    data = picture_uri(Image.fromarray(picture))
    line = _CSS_LINES[track_line(track_id)]
    return f'<img alt="face {track_id}" style="border-style:{line}" src="{data}">'
