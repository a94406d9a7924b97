"""JSON Schemas (draft 2020-12) of what commands and the service write, as files of the package.

It validates nothing; any validator of JSON Schema reads them. A test compares each with what is really written.
"""

import json
from importlib.resources import files

from mien.errors import ConfigError
from mien.json_object import JsonObject
from mien.text import name_hint


def list_schemas() -> dict[str, str]:
    """What each schema describes, by its name."""
    names = sorted(file.name.removesuffix(".json") for file in files(__name__).iterdir() if file.name.endswith(".json"))
    return {name: str(_read(name)["description"]) for name in names}


def load_schema(name: str) -> JsonObject:
    """The schema called ``name``.

    Raises:
        ConfigError: There is none of that name; near names are in the hint.
    """
    if name not in (known := list_schemas()):
        raise ConfigError(f"no schema {name!r}", hint=name_hint(name, known))
    return _read(name)


def _read(name: str) -> JsonObject:
    schema: JsonObject = json.loads((files(__name__) / f"{name}.json").read_text(encoding="utf-8"))
    return schema
