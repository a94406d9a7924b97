"""Judging a finished model: figures with intervals on every protocol, baselines, tables and pictures."""

from mien.evaluation.baselines import NaiveBaseline, build_baseline
from mien.evaluation.bootstrap import Interval
from mien.evaluation.report import EvaluationResult
from mien.evaluation.run import EvaluationOptions, Predictor, evaluate, evaluate_selections

__all__ = [
    "EvaluationOptions",
    "EvaluationResult",
    "Interval",
    "NaiveBaseline",
    "Predictor",
    "build_baseline",
    "evaluate",
    "evaluate_selections",
]
