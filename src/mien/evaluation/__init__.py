"""Judging a finished model: metrics with intervals on every protocol, a baseline, tables and plots."""

from mien.evaluation.baselines import NaiveBaseline
from mien.evaluation.bootstrap import Interval
from mien.evaluation.predictors import EvaluationOptions, Predictor
from mien.evaluation.results import EvaluationResult
from mien.evaluation.run import evaluate, evaluate_selections

__all__ = [
    "EvaluationOptions",
    "EvaluationResult",
    "Interval",
    "NaiveBaseline",
    "Predictor",
    "evaluate",
    "evaluate_selections",
]
