"""Numbers of things in words."""


def counted(count: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{count} {what if count == 1 else what + 's'}"
