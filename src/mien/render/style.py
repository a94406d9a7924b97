"""Colors and resolution of all pictures, plots and pages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: The color of each expression in every picture, plot and page. Where expressions are shown colors mean nothing else;
#: tracks are distinguished by number and line style.
EXPRESSION_COLORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "neutral": "#8d99ae",
        "happiness": "#f4b400",
        "surprise": "#e67ef0",
        "sadness": "#4a90e2",
        "anger": "#e0402f",
        "disgust": "#5aa84c",
        "fear": "#9467e0",
        "contempt": "#c98b4b",
    }
)
PAPER: Final = "#ffffff"
INK: Final = "#1c1f24"
#: Rules, grids and the empty part of a bar.
FAINT: Final = "#e6e8ec"
#: Captions, and faces whose expression is not named.
MUTED: Final = "#5b6270"
#: Ends of the scale of an explanation; neither is the color of an expression.
FAVOR, AGAINST = "#d6604d", "#2b6cb0"
#: Series of plots without expressions; distinguishable with color blindness (Wong 2011, without black and yellow).
SERIES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
#: Dots per inch of every plot.
DPI: Final = 120


def rgb(color: str) -> tuple[int, int, int]:
    """``#rrggbb`` as numbers from 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
