"""The public API is closed: whatever a public function or attribute takes or gives is itself public."""

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mien

#: Types of optional libraries that hints name as text.
_FRAMES = {"pd": pytest.importorskip("pandas"), "pl": pytest.importorskip("polars")}
#: Plain JSON is what these give; their layout is documented in docs/reference/results.md.
_JSON = {"to_dict", "to_json", "to_records", "to_columns", "from_dict", "from_json"}
_PUBLIC = {name: getattr(mien, name) for name in mien.__all__}
#: Types among them; aliases of typing have no name of their own and are known by what they stand for.
_TYPES = [value for value in _PUBLIC.values() if inspect.isclass(value) or typing.get_origin(value)]


def _callables(name: str, item: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    """A public function, or the constructor, properties and public methods of a public class."""
    if inspect.isfunction(item):
        yield name, item
    if not inspect.isclass(item) or issubclass(item, enum.Enum):
        return
    if "__init__" in vars(item) and not dataclasses.is_dataclass(item) and not issubclass(item, BaseException):
        yield f"{name}()", vars(item)["__init__"]
    for key, value in vars(item).items():
        if key.startswith("_"):
            continue
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function):
            yield f"{name}.{key}", function


def _hints(name: str, item: object) -> Iterator[tuple[str, Any]]:
    for path, function in _callables(name, item):
        hints = typing.get_type_hints(function, localns=_FRAMES)
        yield from ((f"{path}: {key}", hint) for key, hint in hints.items())
    if dataclasses.is_dataclass(item):
        hints = typing.get_type_hints(item)
        yield from ((f"{name}.{field.name}", hints[field.name]) for field in dataclasses.fields(item) if field.repr)


def _closed(hint: Any, *, json: bool) -> Iterator[str]:
    """What of a type hint is neither public, nor of the standard library, NumPy, Pillow or torch."""
    if isinstance(hint, list):  # the arguments of a Callable
        parts, itself = hint, None
    elif _is_public(hint) or hint in {type(None), ...} or isinstance(hint, typing.TypeVar | str):
        return
    elif hint in {Any, object, dict}:
        parts, itself = [], None if json else str(hint)
    elif typing.get_origin(hint) is not None or isinstance(hint, types.UnionType):
        parts, itself = _parts(hint)
    else:
        parts, itself = [], _hidden(hint)
    if itself:
        yield itself
    for part in parts:
        yield from _closed(part, json=json)


def _parts(hint: Any) -> tuple[list[Any], str | None]:
    """The arguments of a generic type or union, and the type itself where it is hidden."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal or getattr(origin, "__module__", "") == "numpy":
        return [], None  # arrays name their type of number; shapes stand in the docstring
    return list(typing.get_args(hint)), None if _is_public(origin) else _hidden(origin)


def _is_public(hint: Any) -> bool:
    return any(hint == known for known in _TYPES)


def _hidden(hint: Any) -> str | None:
    return f"{hint.__module__}.{hint.__qualname__}" if getattr(hint, "__module__", "").startswith("mien") else None


@pytest.mark.parametrize("name", mien.__all__)
def test_a_public_name_needs_public_names_only(name: str) -> None:
    found = []
    for place, hint in _hints(name, _PUBLIC[name]):
        method = place.partition(":")[0].rpartition(".")[2]
        found += [f"{place} is {lacking}" for lacking in _closed(hint, json=method in _JSON)]
    assert not found, "\n".join(found)


def test_the_walk_sees_a_hidden_type() -> None:
    def leaks(path: Path) -> "dict[str, tuple[mien.detection.registry.DetectorInfo, ...]]":  # type: ignore[name-defined]
        raise NotImplementedError

    class Hidden:
        __module__ = "mien.hidden"

    leaks.__annotations__ = {"return": dict[str, tuple[Hidden, ...]]}
    places = [lacking for _, hint in _hints("leaks", leaks) for lacking in _closed(hint, json=False)]
    assert places == ["mien.hidden.test_the_walk_sees_a_hidden_type.<locals>.Hidden"]
