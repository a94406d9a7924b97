"""All exceptions that mien raises intentionally, with the exit codes of the command line.

Each also derives from the built-in exception of its kind, so that callers may catch either.

    MienError
    ├── ConfigError            (ValueError)         exit 2   a setting is unknown or out of range
    ├── DatasetFormatError     (ValueError)         exit 3   the content of a data file is not valid
    ├── DatasetNotFoundError   (FileNotFoundError)  exit 3   a data file or prepared data set does not exist
    ├── ProtocolError          (LookupError)        exit 3   a protocol is unknown, or needs files that were not given
    ├── CheckpointError        (ValueError)         exit 3   a checkpoint is damaged or belongs to another run
    ├── StorageError           (OSError)            exit 3   a result could not be written
    ├── UnknownModelError      (LookupError)        exit 4   no model of that name
    ├── ModelFileError         (ValueError)         exit 4   a model file is damaged or not one of ours
    ├── ExportMismatchError    (ArithmeticError)    exit 4   the exported file disagrees with the network
    ├── AdaptationError        (ArithmeticError)    exit 4   an adaptation would not improve the model
    ├── ShapeError             (ValueError)         exit 4   an array has the wrong shape, type or range
    ├── ImageDecodeError       (ValueError)         exit 5   bytes that are not a readable image
    │   ├── ImageFormatError   (ValueError)         exit 5   content of an unknown or forbidden format
    │   └── ImageSizeError     (ValueError)         exit 5   more pixels than allowed
    ├── SourceError            (OSError)            exit 5   a picture, video or camera cannot be opened
    ├── RequestError           (ValueError)         exit 2   a client's request is not valid
    ├── AccessError            (PermissionError)    exit 2   a client has no valid token
    ├── NotOfferedError        (LookupError)        exit 2   the service does not offer what a client requests
    ├── LimitError             (ValueError)         exit 5   more bytes, pictures or faces than allowed
    ├── BusyError              (BlockingIOError)    exit 5   the limit of concurrent work is reached
    ├── OverdueError           (TimeoutError)       exit 5   a time limit is exceeded
    ├── WorkerError            (RuntimeError)       exit 5   a worker process crashed
    │   └── WorkerStartError   (RuntimeError)       exit 5   a worker process does not start
    ├── UnknownDetectorError   (LookupError)        exit 2   no detector of that name
    └── MissingDependencyError (ImportError)        exit 6   an extra is not installed
"""

from typing import ClassVar

from mien.text import printable

#: Longer texts lose their middle: they may quote a name or a line of an untrusted file.
_LONGEST = 1000


class MienError(Exception):
    """Base class of all errors of this package.

    Args:
        text: What was expected, what was found, and where; control characters, as in file names, are escaped.
        hint: What to do next.
    """

    exit_code: ClassVar[int] = 1  # as of any uncaught exception; every subclass says more

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(printable(text, limit=_LONGEST))
        # kept apart from the text: the command line prints it in brackets, the service as a field of its own
        self.hint = hint


class ConfigError(MienError, ValueError):
    """A setting is unknown, of the wrong type, or out of its range."""

    exit_code = 2  # as Typer exits for an option that it refuses itself


class UnknownDetectorError(MienError, LookupError):
    """There is no face detector of that name."""

    exit_code = 2


class RequestError(MienError, ValueError):
    """A client's request is not valid: no picture, a wrong field, an incomplete upload."""

    exit_code = 2


class AccessError(MienError, PermissionError):
    """A client has no valid token."""

    exit_code = 2


class NotOfferedError(MienError, LookupError):
    """The service was started without what a client requests; the hint names the option that enables it."""

    exit_code = 2


class DatasetFormatError(MienError, ValueError):
    """The content of a data file is not valid in its format."""

    exit_code = 3


class DatasetNotFoundError(MienError, FileNotFoundError):
    """A data file or a prepared data set does not exist."""

    exit_code = 3


class ProtocolError(MienError, LookupError):
    """A protocol is unknown, or the data set lacks the votes it is defined on."""

    exit_code = 3


class CheckpointError(MienError, ValueError):
    """A checkpoint is damaged, or was written by a run with other settings."""

    exit_code = 3


class StorageError(MienError, OSError):
    """A result could not be written; what was there before is untouched."""

    exit_code = 3


class UnknownModelError(MienError, LookupError):
    """There is no network or shipped model of that name."""

    exit_code = 4


class ModelFileError(MienError, ValueError):
    """A model file is damaged, or carries no metadata of this package."""

    exit_code = 4


class ExportMismatchError(MienError, ArithmeticError):
    """The probabilities of an exported file differ from those of the network that it was exported from."""

    exit_code = 4


class AdaptationError(MienError, ArithmeticError):
    """Adapting a model to labeled faces would not improve it; nothing was written."""

    exit_code = 4


class ShapeError(MienError, ValueError):
    """An array has the wrong shape, type or range."""

    exit_code = 4


class ImageDecodeError(MienError, ValueError):
    """The bytes are not a readable image, or one beyond the size limits."""

    exit_code = 5


# Subclasses of ImageDecodeError exist for the service, which answers each with another status (415, 413).
class ImageFormatError(ImageDecodeError):
    """The content is of an unknown format, or of one that is not allowed here."""


class ImageSizeError(ImageDecodeError):
    """The picture has more pixels than allowed; it was not decoded."""


class LimitError(MienError, ValueError):
    """More bytes, pictures or faces than allowed."""

    exit_code = 5


class BusyError(MienError, BlockingIOError):
    """The limit of concurrent work is reached; the same request may succeed later."""

    exit_code = 5


class OverdueError(MienError, TimeoutError):
    """A time limit was exceeded."""

    exit_code = 5


class WorkerError(MienError, RuntimeError):
    """A worker process crashed or failed unexpectedly; it was replaced."""

    exit_code = 5


class WorkerStartError(WorkerError):
    """A worker process does not start, which is no fault of what it was to work on."""


class SourceError(MienError, OSError):
    """A picture, folder, video or camera cannot be opened."""

    exit_code = 5


class MissingDependencyError(MienError, ImportError):
    """An optional dependency is not installed; the hint names the extra."""

    exit_code = 6


def missing_extra(package: str, extra: str) -> MissingDependencyError:
    """The error for an absent optional ``package`` that ``mien[extra]`` would install."""
    return MissingDependencyError(f"{package} is not installed", hint=f"pip install 'mien[{extra}]'")
