"""Which labels look wrong, and why: a ranked table of findings, each with its kind and a score in [0, 1].

It reads votes and out-of-fold probabilities, see :mod:`mien.curation.folds`. The figures:

    mislabeled        one minus the probability of what people voted; of one vote that is cleanlab's self-confidence, of
                      many the mean of log probabilities by votes, with half of the votes' own entropy taken away: all
                      of it would hide wrong labels that few agree on, none of it would rank ambiguous faces first.
                      Self-confidence in the most voted expression alone, cleanlab's normalized margin and its noise
                      model found fewer planted errors (experiments/planted_label_errors.py)
    ambiguous         entropy of the votes over that of eight equal ones
    panels disagree   total variation distance of the two panels' votes
    copies differ     largest distance between the votes of images that show the same picture, equal byte for byte or
                      nearly (:mod:`mien.data.near_duplicates`)
    not a face        share of votes for it
    blank             1 for one gray value all over, less for little contrast
    badly framed      one minus the overlap of the picture with the crop that recognition would take of its face, see
                      :mod:`mien.curation.framing`; 0 where that was not measured

cleanlab's multi-annotator mode wants to know which annotator gave which label; FER+ publishes counts of ten taggers
without names, so it does not fit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from mien.data.dataset import FerDataset
from mien.data.near_duplicates import same_picture_rows
from mien.data.protocols import distribution
from mien.errors import ShapeError
from mien.expressions import FERPLUS_LABELS
from mien.runtime.optional import extra

FindingKind = Literal[
    "mislabeled", "ambiguous", "panels disagree", "copies differ", "not a face", "blank", "badly framed"
]
KINDS: tuple[FindingKind, ...] = get_args(FindingKind)
_CLASSES = len(FERPLUS_LABELS)
#: From which score on a figure is a finding.
_LEAST: dict[FindingKind, float] = {
    "mislabeled": 0.8,
    "ambiguous": 0.6,
    "panels disagree": 0.4,
    "copies differ": 0.4,
    "not a face": 0.3,
    "blank": 0.5,
    "badly framed": 0.5,
}
#: Standard deviation of gray values below which a picture shows next to nothing.
_LITTLE_CONTRAST = 8.0
#: Below it a network's doubt says no more.
_LEAST_PROBABILITY = 1e-6
_ROWS = 1024
_Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One image that somebody should look at.

    Attributes:
        position: Row of the data set.
        kind: What looks wrong; of several kinds the one with the highest score.
        score: How much, in [0, 1].
        kinds: Every kind that was found, with its score.
    """

    position: int
    kind: FindingKind
    score: float
    kinds: dict[FindingKind, float]


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """The result of :func:`audit_labels`.

    Attributes:
        findings: By falling score.
        scores: Of every kind, float64 (N,), 0 where it does not apply.
        probabilities: float32 (N, 8), what networks say of each image.
    """

    findings: tuple[Finding, ...]
    scores: dict[FindingKind, _Scores]
    probabilities: npt.NDArray[np.float32]

    def of_kind(self, kind: FindingKind) -> tuple[Finding, ...]:
        """The findings that are of ``kind``, by its falling score."""
        found = [finding for finding in self.findings if kind in finding.kinds]
        return tuple(sorted(found, key=lambda finding: -finding.kinds[kind]))


def audit_labels(
    dataset: FerDataset, probabilities: npt.NDArray[np.float32], *, framing: _Scores | None = None
) -> Audit:
    """Score every image of a data set under every kind and rank what is found.

    Args:
        dataset: A prepared data set.
        probabilities: float (N, 8) in FER+ order, of networks that did not train on the image.
        framing: How badly each picture is framed, float (N,) in [0, 1]; None leaves that kind out.

    Raises:
        ShapeError: There is not a row of eight probabilities for each image, or not a value of ``framing``.
    """
    if probabilities.shape != (len(dataset), _CLASSES):
        raise ShapeError(f"probabilities of shape {probabilities.shape}, expected ({len(dataset)}, {_CLASSES})")
    if framing is not None and framing.shape != (len(dataset),):
        raise ShapeError(f"framing of shape {framing.shape}, expected ({len(dataset)},)")
    shares = distribution(np.asarray(dataset.votes))  # (N, 8)
    scores: dict[FindingKind, _Scores] = {
        "mislabeled": mislabeled(shares, probabilities),
        "ambiguous": _ambiguity(shares),
        "panels disagree": _panel_distance(dataset, shares),
        "copies differ": _copy_distance(dataset, shares),
        "not a face": _not_a_face(np.asarray(dataset.votes)),
        "blank": _blankness(dataset.images),
        "badly framed": np.zeros(len(dataset)) if framing is None else np.asarray(framing, np.float64),
    }
    return Audit(tuple(_rank(scores)), scores, probabilities)


def mislabeled(shares: _Scores, probabilities: npt.NDArray[np.floating]) -> _Scores:
    """How likely the votes for each image are wrong, float64 (N,) in [0, 1].

    Args:
        shares: Of the votes, (N, 8), each row summing to 1, or 0 for an image without votes, which has no score.
        probabilities: What networks say, (N, 8).
    """
    given = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    surprise = -(shares * np.log(np.maximum(given, _LEAST_PROBABILITY))).sum(axis=1)  # cross-entropy, at least _entropy
    # 1 - exp(-x): 0 where networks expected the votes, near 1 where they ruled them out
    return np.asarray(-np.expm1(_entropy(shares) / 2 - surprise))


def class_noise(shares: _Scores, probabilities: npt.NDArray[np.floating]) -> dict[str, tuple[float, float]]:
    """Wrong labels by expression as cleanlab estimates them: confident learning on the most voted one (Northcutt 2021).

    Returns:
        For each expression that is most voted somewhere: the share of the images labeled so that show another, and the
        share of the images that show it and are labeled as another.

    Raises:
        MissingDependencyError: cleanlab is not installed.
    """
    with extra("audit"):
        from cleanlab.dataset import rank_classes_by_label_quality  # noqa: PLC0415 - an optional package
    voted = np.any(shares, axis=1)
    given = probabilities[voted] / probabilities[voted].sum(axis=1, keepdims=True, dtype=np.float64)
    names = [str(label) for label in FERPLUS_LABELS]
    table = rank_classes_by_label_quality(shares[voted].argmax(axis=1), given, class_names=names)
    rows = {
        r["Class Name"]: (float(r["Label Noise"]), float(r["Inverse Label Noise"])) for r in table.to_dict("records")
    }
    return {name: rows[name] for name in names if name in rows}


def _ambiguity(shares: _Scores) -> _Scores:
    """Entropy of the votes over that of eight equal ones, in [0, 1]."""
    return np.asarray(_entropy(shares) / np.log(_CLASSES))


def _entropy(shares: _Scores) -> _Scores:
    """Of the votes for each image, float64 (N,), in nats."""
    return np.asarray(-(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1))


def _panel_distance(dataset: FerDataset, shares: _Scores) -> _Scores:
    if dataset.panel_votes is None:
        return np.zeros(len(shares))
    second = distribution(np.asarray(dataset.panel_votes))
    both = shares.any(axis=1) & second.any(axis=1)  # (N,), without it a missing panel would be at distance .5
    return np.asarray(np.abs(shares - second).sum(axis=1) / 2 * both)


def _copy_distance(dataset: FerDataset, shares: _Scores) -> _Scores:
    """Total variation distance of each image's votes to those of the copy that differs most, 0 without a copy."""
    distances = np.zeros(len(shares))
    voted: npt.NDArray[np.bool_] = np.any(shares, axis=1)  # (N,)
    for first, second in same_picture_rows(dataset):
        gaps = np.abs(shares[first] - shares[second]).sum(axis=1) / 2 * (voted[first] & voted[second])  # (pairs,)
        # an image may be in several pairs, of which plain indexing would keep the last
        np.maximum.at(distances, first, gaps)
        np.maximum.at(distances, second, gaps)
    return distances


def _not_a_face(votes: npt.NDArray[np.uint8]) -> _Scores:
    return np.asarray(votes[:, -1] / np.maximum(votes.sum(axis=1), 1))


def _blankness(images: npt.NDArray[np.uint8]) -> _Scores:
    # some rows at a time: the images are mapped from disk, and deviations are computed in float64
    deviations = [images[start : start + _ROWS].std(axis=(1, 2, 3)) for start in range(0, len(images), _ROWS)]
    return np.clip(1 - np.concatenate(deviations) / _LITTLE_CONTRAST, 0, 1)


def _rank(scores: dict[FindingKind, _Scores]) -> Iterable[Finding]:
    found: dict[int, dict[FindingKind, float]] = {}
    for kind, values in scores.items():
        for position in np.flatnonzero(values >= _LEAST[kind]).tolist():
            found.setdefault(position, {})[kind] = float(values[position])
    findings = []
    for position, kinds in found.items():
        kind = max(kinds, key=lambda name: kinds[name])  # ranked by its worst kind, found under all of them
        findings.append(Finding(position, kind, kinds[kind], kinds))
    return sorted(findings, key=lambda finding: (-finding.score, finding.position))
