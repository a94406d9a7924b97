"""A picture as a client sent it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """The file's name, cleaned, and the bytes."""

    name: str
    content: bytes
