"""JSON Schemas (draft 2020-12) of what commands and the service write, as files of the package.

It validates nothing; any validator of JSON Schema reads them. A test compares each with what is really written. What
several of them describe, such as a face, is in ``_definitions.json`` alone, and copied into a schema when it is loaded,
so that each is complete by itself.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from mien.errors import ConfigError
from mien.json_object import JsonObject
from mien.text import name_hint

_SHARED = "_definitions.json"


def list_schemas() -> dict[str, str]:
    """What each schema describes, by its name."""
    found = (file.name for file in files(__name__).iterdir())
    names = sorted(name.removesuffix(".json") for name in found if name.endswith(".json") and name != _SHARED)
    return {name: str(_read(f"{name}.json")["description"]) for name in names}


def load_schema(name: str) -> JsonObject:
    """The schema called ``name``, with everything that it refers to.

    Raises:
        ConfigError: There is none of that name; near names are in the hint.
    """
    if name not in (known := list_schemas()):
        raise ConfigError(f"no schema {name!r}", hint=name_hint(name, known))
    schema, shared = dict(_read(f"{name}.json")), _read(_SHARED)
    used = _used(schema, shared)
    if used:
        schema["$defs"] = {part: shared[part] for part in shared if part in used} | schema.get("$defs", {})
    return schema


def _used(schema: JsonObject, shared: JsonObject) -> set[str]:
    """Names of the shared definitions that a schema refers to, itself or through others of them."""
    found: set[str] = set()
    waiting = shared.keys() & set(_references(schema))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(_references(shared[name])) - found
    return found


def _references(part: Any) -> Iterator[str]:
    """Names after ``#/$defs/`` anywhere in a part of a schema."""
    if isinstance(part, dict):
        if isinstance(target := part.get("$ref"), str):
            yield target.removeprefix("#/$defs/")
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _read(file: str) -> JsonObject:
    record: JsonObject = json.loads((files(__name__) / file).read_text(encoding="utf-8"))
    return record
