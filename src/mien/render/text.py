"""Numbers as text, and rows as lines of CSV."""

import csv
import io
from collections.abc import Iterable
from typing import Any


def counted(count: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{count} {what if count == 1 else what + 's'}"


def percent(probability: float) -> str:
    """A probability for people, in whole percent; ``100%`` only for exactly 1.

    Examples:
        >>> percent(0.868), percent(0.996), percent(1.0)
        ('87%', '99%', '100%')
    """
    return "100%" if probability >= 1 else f"{min(probability, 0.99):.0%}"


def significant(value: float, digits: int = 6) -> float:
    """``value`` rounded to significant digits, as in output files.

    Examples:
        >>> significant(0.123456789), significant(1234567.8)
        (0.123457, 1234570.0)
    """
    return float(f"{value:.{digits}g}")


def rounded(record: Any, digits: int = 6) -> Any:
    """A record of plain dicts, lists and numbers, ready for JSON, with every float in :func:`significant` digits.

    Examples:
        >>> rounded({"box": [1 / 3, 2], "name": "x"})
        {'box': [0.333333, 2], 'name': 'x'}
    """
    if isinstance(record, dict):
        return {key: rounded(value, digits) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [rounded(value, digits) for value in record]
    return significant(record, digits) if isinstance(record, float) else record


def csv_line(values: Iterable[Any]) -> str:
    """One line of CSV; numbers in full."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
