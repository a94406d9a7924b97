"""Reads the expression on every face of a picture, and trains and judges the network that does it.

    import mien

    result = mien.load().predict("photo.jpg")
    for face in result.faces:
        print(face.expression, face.probability)

``analyze_video`` reads videos and cameras and needs ``pip install 'mien[video]'``; the learning side
(``open_dataset``, ``build_network``, ``train``, ``evaluate``, ``export_onnx``) needs ``pip install 'mien[train]'``.
Both are imported on their first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mien.base_rates import BaseRates
from mien.decision import DecisionRule
from mien.detection.base import Detector, FaceDetection
from mien.detection.registry import build_detector, list_detectors
from mien.detection.settings import SearchMode, SearchSettings
from mien.errors import MienError
from mien.expressions import (
    AFFECTNET_LABELS,
    FER2013_LABELS,
    FERPLUS_LABELS,
    USE_NOTICE,
    Expression,
    LabelSet,
)
from mien.geometry import Box, CropFrame, FaceLandmarks
from mien.imaging import load_image
from mien.json_object import JsonObject
from mien.metadata import HeadSpec, InputSpec, ModelMetadata
from mien.preprocessing import crop_face, to_model_input
from mien.recognition.answers import AnswerOptions
from mien.recognition.explanation import Explanation, explain
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.quality import FaceQuality
from mien.recognition.recognizer import Recognizer, load_recognizer
from mien.recognition.results import ExpressionProbabilities, FaceExpression, FailedImage, ImageResult
from mien.render.faces import FaceMark
from mien.weights import WeightFile, list_weights

if TYPE_CHECKING:
    from mien.adaptation.judging import AdaptationMetrics, Measured
    from mien.adaptation.run import AdaptationResult, adapt
    from mien.curation.importing import ImportOptions, import_dataset
    from mien.data.augmentation import Augmentation
    from mien.data.dataset import FerDataset, open_dataset
    from mien.evaluation.bootstrap import Interval
    from mien.evaluation.comparison import Comparison, Difference, compare
    from mien.evaluation.groups import GroupResult, evaluate_groups
    from mien.evaluation.predictors import EvaluationOptions, Predictor
    from mien.evaluation.results import EvaluationResult
    from mien.evaluation.run import evaluate
    from mien.networks.registry import build_network
    from mien.training.config import FurtherData, TrainingConfig
    from mien.training.export.onnx_export import ExportResult, export_onnx, export_run
    from mien.training.history import EpochMetrics
    from mien.training.initialization import FirstWeights, Initialization
    from mien.training.progress import Listener
    from mien.training.recipes import load_config
    from mien.training.records import DataHashes, RunRecord, WeightsSource
    from mien.training.run import RunResult, train
    from mien.training.runs import CheckpointState, RunFolder
    from mien.version import __version__
    from mien.video.results import FrameResult, TrackedFace
    from mien.video.run import analyze_video
    from mien.video.settings import VideoSettings
    from mien.video.sources.base import VideoFrame, VideoInfo, VideoSource
    from mien.video.sources.open import open_video
    from mien.video.sources.sampling import Sampling

__all__ = [
    "AFFECTNET_LABELS",
    "FER2013_LABELS",
    "FERPLUS_LABELS",
    "USE_NOTICE",
    "AdaptationMetrics",
    "AdaptationResult",
    "AnswerOptions",
    "Augmentation",
    "BaseRates",
    "Box",
    "CheckpointState",
    "Comparison",
    "CropFrame",
    "DataHashes",
    "DecisionRule",
    "Detector",
    "Difference",
    "EpochMetrics",
    "EvaluationOptions",
    "EvaluationResult",
    "Explanation",
    "ExportResult",
    "Expression",
    "ExpressionPipeline",
    "ExpressionProbabilities",
    "FaceDetection",
    "FaceExpression",
    "FaceLandmarks",
    "FaceMark",
    "FaceQuality",
    "FailedImage",
    "FerDataset",
    "FirstWeights",
    "FrameResult",
    "FurtherData",
    "GroupResult",
    "HeadSpec",
    "ImageResult",
    "ImportOptions",
    "Initialization",
    "InputSpec",
    "Interval",
    "JsonObject",
    "LabelSet",
    "Listener",
    "Measured",
    "MienError",
    "ModelMetadata",
    "Predictor",
    "Recognizer",
    "RunFolder",
    "RunRecord",
    "RunResult",
    "Sampling",
    "SearchMode",
    "SearchSettings",
    "TrackedFace",
    "TrainingConfig",
    "VideoFrame",
    "VideoInfo",
    "VideoSettings",
    "VideoSource",
    "WeightFile",
    "WeightsSource",
    "__version__",
    "adapt",
    "analyze_video",
    "build_detector",
    "build_network",
    "compare",
    "crop_face",
    "evaluate",
    "evaluate_groups",
    "explain",
    "export_onnx",
    "export_run",
    "import_dataset",
    "list_detectors",
    "list_weights",
    "load",
    "load_config",
    "load_image",
    "load_recognizer",
    "open_dataset",
    "open_video",
    "to_model_input",
    "train",
]

_LAZY = {
    "Interval": "mien.evaluation.bootstrap",
    "CheckpointState": "mien.training.runs",
    "FirstWeights": "mien.training.initialization",
    "Difference": "mien.evaluation.comparison",
    "AdaptationMetrics": "mien.adaptation.judging",
    "AdaptationResult": "mien.adaptation.run",
    "Measured": "mien.adaptation.judging",
    "adapt": "mien.adaptation.run",
    "ImportOptions": "mien.curation.importing",
    "import_dataset": "mien.curation.importing",
    "Comparison": "mien.evaluation.comparison",
    "GroupResult": "mien.evaluation.groups",
    "compare": "mien.evaluation.comparison",
    "evaluate_groups": "mien.evaluation.groups",
    "Augmentation": "mien.data.augmentation",
    "DataHashes": "mien.training.records",
    "EpochMetrics": "mien.training.history",
    "EvaluationOptions": "mien.evaluation.predictors",
    "EvaluationResult": "mien.evaluation.results",
    "ExportResult": "mien.training.export.onnx_export",
    "FerDataset": "mien.data.dataset",
    "FrameResult": "mien.video.results",
    "FurtherData": "mien.training.config",
    "Initialization": "mien.training.initialization",
    "Listener": "mien.training.progress",
    "Predictor": "mien.evaluation.predictors",
    "RunFolder": "mien.training.runs",
    "RunRecord": "mien.training.records",
    "RunResult": "mien.training.run",
    "TrainingConfig": "mien.training.config",
    "WeightsSource": "mien.training.records",
    "__version__": "mien.version",
    "Sampling": "mien.video.sources.sampling",
    "TrackedFace": "mien.video.results",
    "VideoFrame": "mien.video.sources.base",
    "VideoInfo": "mien.video.sources.base",
    "VideoSettings": "mien.video.settings",
    "VideoSource": "mien.video.sources.base",
    "open_video": "mien.video.sources.open",
    "analyze_video": "mien.video.run",
    "build_network": "mien.networks.registry",
    "evaluate": "mien.evaluation.run",
    "export_onnx": "mien.training.export.onnx_export",
    "export_run": "mien.training.export.onnx_export",
    "load_config": "mien.training.recipes",
    "open_dataset": "mien.data.dataset",
    "train": "mien.training.run",
}


def __getattr__(name: str) -> object:
    """A name of the learning or the video side, or the version, imported on its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
