"""The type of plain JSON records, as in metadata, manifests and run records."""

from collections.abc import Mapping
from typing import Any

#: Text keys; values are text, numbers, booleans, None, and lists and objects of these.
JsonObject = Mapping[str, Any]
