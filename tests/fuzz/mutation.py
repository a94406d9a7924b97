"""Sound content made unsound, from one random generator: bytes anywhere, numbers in fields, values in JSON."""

import random
from collections.abc import Sequence
from typing import Any, Literal

#: Offset and size in bytes of a number that a reader parses.
Field = tuple[int, int]

#: What strangers put in the place of a value of JSON.
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 2**70, 1e308, 0.5, float("nan"), float("inf"), "", "..", "a\x1b[31m\n", "1"),
    *("a" * 70_000, "\ud800", "\0", "../x", "nan", [], [[]], [None] * 300, {}, {"a": {}}, [1, "a"], "done", "train"),
)


def anywhere(content: bytes, rng: random.Random) -> bytes:
    """One to four changes of any bytes: overwritten, cut out, doubled, flipped, put in, or the end lost."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(changed)) if changed else 0
        match rng.randrange(8):
            case 0 | 1:
                value = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80", bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff"))
                changed[at : at + len(value)] = value
            case 2 | 3 if changed:
                changed[at] ^= 1 << rng.randrange(8)
            case 4:
                del changed[at : at + rng.randint(1, 400)]
            case 5:
                changed[at:at] = changed[at : at + rng.randint(1, 400)]
            case 6:
                changed[at:at] = rng.randbytes(rng.randint(1, 40))
            case _ if rng.random() < 0.3:
                del changed[at:]
    return bytes(changed)


def in_fields(content: bytes, fields: Sequence[Field], rng: random.Random) -> bytes:
    """One to four numbers changed to what readers stumble over."""
    changed = bytearray(content)
    usable = [(at, size) for at, size in fields if at + size <= len(content)] or [(0, 1)]
    for at, size in rng.sample(usable, min(len(usable), rng.randint(1, 4))):
        changed[at : at + size] = _number(bytes(changed[at : at + size]), rng)
    return bytes(changed)


def _number(old: bytes, rng: random.Random) -> bytes:
    orders: tuple[Literal["big", "little"], ...] = ("big", "little")
    size, order = len(old), rng.choice(orders)
    most = 256**size - 1
    value = int.from_bytes(old, order)
    choices = (0, 1, 2, most, most >> 1, (most >> 1) + 1, value + 1, value - 1, value * 2, value // 2, value ^ 0x80)
    new = rng.choice((*choices, rng.randrange(most + 1), rng.randrange(256)))
    changed: int = new % (most + 1)
    return changed.to_bytes(size, order)


def spans(start: int, stop: int, *, sizes: Sequence[int] = (1, 2, 4)) -> list[Field]:
    """All numbers of some sizes that lie between two places, one after the other."""
    return [(at, size) for size in sizes for at in range(start, stop - size + 1, size)]


def in_json(value: Any, rng: random.Random) -> Any:
    """One to three values of a JSON document replaced, taken out, put in or nested."""
    box = [value]  # the document itself may be replaced too
    for _ in range(rng.randint(1, 3)):
        place, key = rng.choice(list(_places(box)))
        match rng.randrange(8):
            case 0:
                del place[key]
                if not box:
                    box.append(None)
            case 1 if isinstance(place, dict):
                place["more"] = rng.choice(ODD_VALUES)
            case 2:
                place[key] = [place[key]]
            case 3 if isinstance(place[key], int | float):
                place[key] = rng.choice((-place[key], place[key] * 2, place[key] + 1, str(place[key])))
            case 4:
                _, other = rng.choice([(p, p[k]) for p, k in _places(box)])
                place[key] = _copy(other)
            case _:
                place[key] = rng.choice(ODD_VALUES)
    return box[0]


def _places(value: Any) -> Any:
    """Every container in the document with each of its keys."""
    inside = range(len(value)) if isinstance(value, list) else value.keys() if isinstance(value, dict) else ()
    for key in list(inside)[:200]:
        yield value, key
        yield from _places(value[key])


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
