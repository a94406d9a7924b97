"""Translating exceptions of other libraries into those of this package."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mien.errors import MienError

_LONGEST = 200


@contextmanager
def translate_errors(to: Callable[[str], MienError], *kinds: type[Exception]) -> Iterator[None]:
    """A context for calls into a library: its exceptions become the error that ``to`` makes of the message.

    ``MienError`` passes unchanged. Without ``kinds`` all exceptions are translated, since no list of those that
    decoders raise on untrusted files is complete.

    Args:
        to: Makes our error from the library's message, on one line.
        kinds: The exceptions that are translated; others pass.
    """
    try:
        yield
    except MienError:
        raise
    except Exception as err:
        if kinds and not isinstance(err, kinds):
            raise
        raise to(reason(err)) from err


def reason(err: BaseException) -> str:
    """The message of an exception, shortened, on one line; the name of its class if it has no message."""
    said = getattr(err, "strerror", None) or str(err)
    return " ".join(str(said).split())[:_LONGEST] or type(err).__name__
