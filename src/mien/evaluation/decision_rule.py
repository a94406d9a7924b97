"""Fitting the decision rule of a model: the highest macro-F1 whose accuracy is not below that of the argmax.

The weights are base rates to the power of -tau, with one tau for all classes: 0 is the argmax, 1 assumes equal base
rates. Fitting a separate weight for each class overfits the sixteen validation faces of contempt
(docs/explanation/experiments.md). The gain is estimated by cross-fitting, on faces that did not choose the rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.base_rates import BaseRates
from mien.data.dataset import FerDataset
from mien.data.protocols import available, select
from mien.decision import DecisionRule, decide
from mien.evaluation import metrics
from mien.evaluation.bootstrap import resample_weights
from mien.evaluation.metrics import DoubleArray, IntArray
from mien.expressions import FERPLUS_LABELS
from mien.metadata import PERCEIVED, HeadSpec, ModelMetadata

#: Powers that are tried.
TAUS = np.arange(0, 1.001, 0.02)
#: Macro-F1 is a step function of tau when a class has few faces; its mean over this many resamples is smoother.
_RESAMPLES, _SEED = 50, 0
#: Repetitions of cross-fitting: the faces are split into two halves, and each half is named by the other's rule.
_REPEATS = 10

#: Computes the probabilities (n, labels) of each head of a model for gray faces uint8 (n, 48, 48, 1).
PredictHeads = Callable[[npt.NDArray[np.uint8]], Mapping[str, npt.NDArray[np.floating[Any]]]]


def fit_decision_rule(probabilities: DoubleArray, truth: IntArray, priors: BaseRates) -> DecisionRule | None:
    """The rule for calibrated probabilities; None where cross-fitting finds no gain over the argmax.

    Args:
        probabilities: (n, classes), in the order of the labels of ``priors``.
        truth: Labels (n,), columns of ``probabilities``.
        priors: The base rates that the probabilities assume, all above 0.
    """
    tau = _best_tau(probabilities, truth, priors)
    plain = _plain_metrics(decide(probabilities), truth, probabilities.shape[1])
    crossed = _cross_fitted(probabilities, truth, priors)
    gain = crossed["macro_f1"] - plain["macro_f1"]
    if tau == 0 or gain <= 0:  # the gain that counts is that on faces which did not choose tau
        return None
    weights = _weights(priors, tau)
    fitted = {
        "n": len(truth),
        "tau": round(tau, 4),
        "rule": _plain_metrics(decide(probabilities, weights), truth, probabilities.shape[1]),
        "argmax": plain,
        "cross_fitted": crossed,
    }
    return DecisionRule(priors.labels, tuple(weights.tolist()), fitted)


def with_decisions(metadata: ModelMetadata, predict_heads: PredictHeads, dataset: FerDataset) -> ModelMetadata:
    """The metadata with base rates (training split) and decision rule (validation split) of each head.

    A head is left as it is where the data set lacks its labels, or has no training face of one of its expressions.

    Args:
        metadata: Of the model.
        predict_heads: The model.
        dataset: The one that the model was trained on.
    """
    heads = {name: _with_decision(name, head, predict_heads, dataset) for name, head in metadata.heads.items()}
    first = heads[PERCEIVED]
    return replace(metadata, priors=first.priors, decision=first.decision, heads=heads)


def _with_decision(name: str, head: HeadSpec, predict_heads: PredictHeads, dataset: FerDataset) -> HeadSpec:
    usable = available(dataset)
    # protocols that give base rates and truth: FER+'s votes for the first head, FER2013's own label for the second
    learned, judged = ("votes", "majority") if name == PERCEIVED else ("fer2013", "fer2013")
    judged = judged if judged in usable else "majority-v1"  # without the second vote file
    if learned not in usable:
        return head
    columns = [FERPLUS_LABELS.index(label) for label in head.labels]
    rates = select(dataset, learned, "train").targets[:, columns].sum(axis=0)  # (classes,) votes or labels
    if not rates.all():  # a rate of 0 to the power of -tau is infinite
        return head
    priors = BaseRates(head.labels, tuple((rates / rates.sum()).tolist()))
    selection = select(dataset, judged, "validation")
    truth = selection.targets[:, columns]  # (n, classes), zeros where the head lacks the label
    known = truth.any(axis=1)
    if not known.any():
        return replace(head, priors=priors, decision=None)
    rows = predict_heads(dataset.images[selection.indices[known]])[name]
    rule = fit_decision_rule(np.asarray(rows, np.float64), truth[known].argmax(axis=1), priors)
    if rule is not None:
        rule = replace(rule, fitted={"split": "validation", "protocol": judged} | dict(rule.fitted))
    return replace(head, priors=priors, decision=rule)


def _best_tau(probabilities: DoubleArray, truth: IntArray, priors: BaseRates) -> float:
    """The power with the highest mean macro-F1 over resamples, among those whose accuracy is not below the argmax's."""
    classes = probabilities.shape[1]
    resamples = np.concatenate(list(resample_weights(len(truth), resamples=_RESAMPLES, seed=_SEED)))  # (50, n)
    plain = float(np.mean(decide(probabilities) == truth))
    best, highest = 0.0, -1.0
    for tau in TAUS.tolist():
        named = decide(probabilities, _weights(priors, tau))
        if np.mean(named == truth) < plain:  # on the faces themselves: the mean over resamples is only for macro-F1
            continue
        matrices = metrics.confusion_matrix(truth, named, weights=resamples, classes=classes)  # (50, k, k)
        if (reached := float(metrics.macro_f1(matrices).mean())) > highest:
            best, highest = tau, reached
    return best


def _cross_fitted(probabilities: DoubleArray, truth: IntArray, priors: BaseRates) -> dict[str, float]:
    """Metrics of rules on the halves that did not choose them: means over the repetitions, and macro-F1's deviation."""
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(_REPEATS):
        half = _halves(truth, rng)  # (n,), 0 or 1
        named = np.zeros(len(truth), np.int64)
        for side in (0, 1):
            tau = _best_tau(probabilities[half != side], truth[half != side], priors)
            named[half == side] = decide(probabilities[half == side], _weights(priors, tau))
        found.append(_plain_metrics(named, truth, probabilities.shape[1]))
    means = {name: float(np.mean([repeat[name] for repeat in found])) for name in found[0]}
    return means | {"macro_f1_deviation": float(np.std([repeat["macro_f1"] for repeat in found]))}


def _halves(truth: IntArray, rng: np.random.Generator) -> IntArray:
    """A random half for each face (n,), 0 or 1, stratified by class."""
    half = np.zeros(len(truth), np.int64)
    for label in np.unique(truth):  # stratified: of sixteen faces of contempt a plain half may get two
        members = rng.permutation(np.flatnonzero(truth == label))
        half[members[::2]] = 1
    return half


def _weights(priors: BaseRates, tau: float) -> DoubleArray:
    weights: DoubleArray = np.array(priors.rates) ** -tau  # (classes,)
    weights /= weights.min()  # only ratios matter; the most frequent class gets 1
    return weights


def _plain_metrics(named: IntArray, truth: IntArray, classes: int) -> dict[str, float]:
    matrix = metrics.confusion_matrix(truth, named, classes=classes)
    return {"accuracy": float(metrics.accuracy(matrix)), "macro_f1": float(metrics.macro_f1(matrix))}
