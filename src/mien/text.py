"""Making untrusted text, such as file names, safe for one line of a terminal, a message or a log."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

#: Control characters, invisible marks (which may turn the direction of writing), ends of lines and paragraphs.
_ESCAPED = frozenset({"Cc", "Cf", "Zl", "Zp"})
#: Invisible, but part of what is seen: they join the signs of one emoji, or part letters of Persian and Hindi.
_JOINERS = "\u200c\u200d"
#: How a cell begins that a spreadsheet takes for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str, *, limit: int | None = None) -> str:
    r"""The text on one line, with control characters as escapes and invalid Unicode as replacement characters.

    Args:
        text: Any text.
        limit: Largest number of characters; the middle of longer text is left out.

    Examples:
        >>> printable("esc\x1b[31mred\n.jpg")
        'esc\\x1b[31mred\\n.jpg'
        >>> printable("a" * 50 + "b" * 50, limit=11)
        'aaaaa…bbbbb'
    """
    if limit is not None and len(text) > limit:
        head = limit // 2
        text = f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(_shown(letter) for letter in text)
    return shown if limit is None or len(shown) <= limit else printable(shown, limit=limit)


def name_hint(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: the ones that are spelled nearly so, or else all of them.

    Examples:
        >>> name_hint("haapiness", ["anger", "happiness"]), name_hint("joy", ["anger", "happiness"])
        ('did you mean happiness?', 'expected anger or happiness')
    """
    known = list(known)
    if near := get_close_matches(name, known):
        return f"did you mean {', '.join(near)}?"
    return f"expected {', '.join(known[:-1])} or {known[-1]}" if known[1:] else f"expected {''.join(known)}"


def no_formula(text: str) -> str:
    """Text for a cell of CSV; what a spreadsheet would run begins with an apostrophe.

    Examples:
        >>> no_formula("=cmd|'/C calc'!A0"), no_formula("a=b")
        ("'=cmd|'/C calc'!A0", 'a=b')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def _shown(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cs":  # half a pair: bytes of a file's name that are no UTF-8, as Python hands them on
        return "\N{REPLACEMENT CHARACTER}"
    if category in _ESCAPED and letter not in _JOINERS:
        return letter.encode("unicode_escape").decode("ascii")
    return letter
