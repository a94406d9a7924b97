"""The expressions, the class orders of published data sets, and the maps between them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mien.errors import ConfigError
from mien.text import name_hint


class Expression(StrEnum):
    """A visible facial expression; not a statement about what a person feels."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SURPRISE = "surprise"
    SADNESS = "sadness"
    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    CONTEMPT = "contempt"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """An ordered set of expressions: what the columns of a probability array mean.

    Examples:
        >>> FERPLUS_LABELS.index("anger")
        4
        >>> len(FER2013_LABELS)
        7
    """

    expressions: tuple[Expression, ...]

    def __iter__(self) -> Iterator[Expression]:
        return iter(self.expressions)

    def __len__(self) -> int:
        return len(self.expressions)

    def __getitem__(self, position: int) -> Expression:
        return self.expressions[position]

    def index(self, name: str) -> int:
        """Column of the expression called ``name``.

        Raises:
            ConfigError: No expression of this set has that name; similar names are in the hint.
        """
        names = [str(expression) for expression in self.expressions]
        if name not in names:
            raise ConfigError(f"no expression {name!r} in this label set", hint=name_hint(name, names))
        return names.index(name)

    @classmethod
    def named(cls, names: Iterable[str]) -> "LabelSet":
        """The set of expressions called ``names``, in their order.

        Raises:
            ConfigError: A name is not an expression, or is listed twice.
        """
        known = [str(expression) for expression in Expression]
        names = tuple(names)
        for name in names:
            if name not in known:
                raise ConfigError(f"no expression {name!r}", hint=name_hint(name, known))
        if len(set(names)) < len(names):
            raise ConfigError(f"an expression is listed twice in {', '.join(names)}", hint="name each once")
        return cls(tuple(Expression(name) for name in names))

    def columns_from(self, other: "LabelSet") -> list[int | None]:
        """For each expression of this set its column in ``other``; None if ``other`` lacks it."""
        return [other.expressions.index(e) if e in other.expressions else None for e in self.expressions]


_E = Expression

#: FER+ (Barsoum et al. 2016), the order of the vote columns.
FERPLUS_LABELS = LabelSet(
    (_E.NEUTRAL, _E.HAPPINESS, _E.SURPRISE, _E.SADNESS, _E.ANGER, _E.DISGUST, _E.FEAR, _E.CONTEMPT)
)
#: FER2013 (Goodfellow et al. 2013), the numbers 0 to 6 of its ``emotion`` column.
FER2013_LABELS = LabelSet((_E.ANGER, _E.DISGUST, _E.FEAR, _E.HAPPINESS, _E.SADNESS, _E.SURPRISE, _E.NEUTRAL))
#: AffectNet (Mollahosseini et al. 2017), the numbers 0 to 7 of its ``expression`` column.
AFFECTNET_LABELS = LabelSet(
    (_E.NEUTRAL, _E.HAPPINESS, _E.SADNESS, _E.SURPRISE, _E.FEAR, _E.DISGUST, _E.ANGER, _E.CONTEMPT)
)

#: RAF-DB (Li et al. 2017), the numbers 1 to 7 of ``list_patition_label.txt``.
RAFDB_LABELS = LabelSet((_E.SURPRISE, _E.FEAR, _E.DISGUST, _E.HAPPINESS, _E.SADNESS, _E.ANGER, _E.NEUTRAL))
#: ExpW (Zhang et al. 2016), the numbers 0 to 6 of ``label.lst``: FER2013's order.
EXPW_LABELS = FER2013_LABELS
#: CK+48 (Lucey et al. 2010), its seven folders; the set has no neutral one.
CKPLUS_LABELS = LabelSet((_E.ANGER, _E.CONTEMPT, _E.DISGUST, _E.FEAR, _E.HAPPINESS, _E.SADNESS, _E.SURPRISE))
#: KDEF (Lundqvist et al. 1998), the letters 5 and 6 of a file name: AF AN DI HA NE SA SU.
KDEF_LABELS = LabelSet((_E.FEAR, _E.ANGER, _E.DISGUST, _E.HAPPINESS, _E.NEUTRAL, _E.SADNESS, _E.SURPRISE))
#: Words of published sets for the eight expressions: our names, FER2013's and CK+48's folders, KDEF's adjectives.
#: Other words, such as joy or fury, are not unambiguous; importing such labels needs a map.
PUBLISHED_WORDS = {
    **{str(expression): expression for expression in Expression},
    "happy": _E.HAPPINESS,
    "surprised": _E.SURPRISE,
    "sad": _E.SADNESS,
    "angry": _E.ANGER,
    "disgusted": _E.DISGUST,
    "fearful": _E.FEAR,
    "afraid": _E.FEAR,
}

#: Shown wherever people see predictions.
USE_NOTICE = (
    "Reads the expression that shows on a face, not what a person feels. Not for judging people: inferring "
    "emotions at work and in education is forbidden in the EU (AI Act, Art. 5(1)(f))."
)
