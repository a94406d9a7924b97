"""Errors of other libraries as errors of ours.

It does not know the libraries.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mien.errors import MienError

_LONGEST = 200


@contextmanager
def translate_errors(to: Callable[[str], MienError], *kinds: type[Exception]) -> Iterator[None]:
    """Around calls into a library: what it raises becomes the error that ``to`` makes of the reason.

    Errors of ours pass. Without ``kinds`` everything is translated: at the border to decoders of strangers' files no
    list of exceptions is complete.

    Args:
        to: Makes the error of ours from what the library said, on one line.
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
    """What an exception says, shortened, on one line; its kind where it says nothing."""
    said = getattr(err, "strerror", None) or str(err)
    return " ".join(str(said).split())[:_LONGEST] or type(err).__name__
