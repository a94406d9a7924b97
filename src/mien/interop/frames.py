"""Results as data frames: one row for each face, with the columns of the CSV."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mien.recognition.results import ImageResult
from mien.runtime.optional import extra

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

#: Without a face the labels are unknown; these columns are always there.
_COLUMNS = ("source", "width", "height", "face", "left", "top", "right", "bottom", "detector_score", "expression")


def to_pandas(results: ImageResult | Iterable[ImageResult]) -> "pd.DataFrame":
    """A pandas data frame of all faces; pictures without a face have no row.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    with extra("bridges"):
        import pandas as pd  # noqa: PLC0415 - an extra
    rows = _rows(results)
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*_COLUMNS, "probability"])


def to_polars(results: ImageResult | Iterable[ImageResult]) -> "pl.DataFrame":
    """A polars data frame of all faces; pictures without a face have no row.

    Raises:
        MissingDependencyError: polars is not installed.
    """
    with extra("bridges"):
        import polars as pl  # noqa: PLC0415 - an extra
    rows = _rows(results)
    return pl.DataFrame(rows) if rows else pl.DataFrame(schema=[*_COLUMNS, "probability"])


def _rows(results: ImageResult | Iterable[ImageResult]) -> list[dict[str, object]]:
    return [row for result in _several(results) for row in result.to_records()]


def _several(results: ImageResult | Iterable[ImageResult]) -> Iterable[ImageResult]:
    return [results] if isinstance(results, ImageResult) else results
