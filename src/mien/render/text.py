"""Numbers in words and signs."""


def counted(count: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{count} {what if count == 1 else what + 's'}"


def percent(probability: float) -> str:
    """``87%``; ``100%`` is kept for certainty.

    Examples:
        >>> percent(0.996), percent(1.0)
        ('99%', '100%')
    """
    return "100%" if probability >= 1 else f"{min(probability, 0.99):.0%}"
