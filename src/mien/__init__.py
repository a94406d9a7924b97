"""Reads the expression on every face of a picture; trains and evaluates the networks that do it.

    import mien

    result = mien.load().predict("photo.jpg")
    for face in result.faces:
        print(face.expression, face.probability)

``analyze_video`` reads videos and cameras, ``record_video`` writes the results to files; they need
``pip install 'mien[video]'``. The learning side (``open_dataset``, ``build_network``, ``train``, ``evaluate``,
``export_onnx``) needs ``pip install 'mien[train]'``. Everything is imported on its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.adaptation.judging import AdaptationMetrics, Measured
    from mien.adaptation.run import AdaptationResult, adapt
    from mien.base_rates import BaseRates
    from mien.curation.importing import ImportOptions, import_dataset
    from mien.data.augmentation import Augmentation
    from mien.data.dataset import FerDataset, open_dataset
    from mien.decision import DecisionRule
    from mien.detection.base import Detector, FaceDetection
    from mien.detection.registry import build_detector, list_detectors
    from mien.detection.settings import SearchMode, SearchSettings
    from mien.errors import MienError
    from mien.evaluation.bootstrap import Interval
    from mien.evaluation.comparison import Comparison, Difference, compare
    from mien.evaluation.groups import GroupResult, evaluate_groups
    from mien.evaluation.predictors import EvaluationOptions, Predictor
    from mien.evaluation.results import EvaluationResult
    from mien.evaluation.run import evaluate
    from mien.expressions import AFFECTNET_LABELS, FER2013_LABELS, FERPLUS_LABELS, USE_NOTICE, Expression, LabelSet
    from mien.geometry import Box, CropFrame, FaceLandmarks
    from mien.imaging import load_image
    from mien.json_object import JsonObject
    from mien.metadata import HeadSpec, InputSpec, ModelMetadata
    from mien.networks.registry import build_network
    from mien.preprocessing import crop_face, to_model_input
    from mien.recognition.answers import AnswerOptions
    from mien.recognition.explanation import Explanation, explain
    from mien.recognition.pipeline import ExpressionPipeline, load
    from mien.recognition.probabilities import ExpressionProbabilities
    from mien.recognition.quality import FaceQuality
    from mien.recognition.recognizer import Recognizer, load_recognizer
    from mien.recognition.results import FaceExpression, FailedImage, ImageResult
    from mien.render.faces import FaceMark
    from mien.runtime.devices import Device
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
    from mien.video.analyzer import FrameAnalyzer
    from mien.video.clock import StageClock
    from mien.video.outputs import VideoOutputs
    from mien.video.record import VideoSummary, record_video
    from mien.video.results import FrameResult, TrackedFace
    from mien.video.run import analyze_video
    from mien.video.settings import VideoSettings
    from mien.video.sinks.base import Ending, Sink
    from mien.video.sinks.timeline import Timeline, TrackSummary
    from mien.video.sources.base import VideoFrame, VideoInfo, VideoSource
    from mien.video.sources.open import open_video
    from mien.video.sources.sampling import Sampling
    from mien.weights import WeightFile, list_weights

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
    "Device",
    "Difference",
    "Ending",
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
    "FrameAnalyzer",
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
    "Sink",
    "StageClock",
    "Timeline",
    "TrackSummary",
    "TrackedFace",
    "TrainingConfig",
    "VideoFrame",
    "VideoInfo",
    "VideoOutputs",
    "VideoSettings",
    "VideoSource",
    "VideoSummary",
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
    "record_video",
    "to_model_input",
    "train",
]

#: The module of each name, imported when the name is first used: `import mien` itself costs next to nothing.
_MODULES = {
    "AFFECTNET_LABELS": "mien.expressions",
    "FER2013_LABELS": "mien.expressions",
    "FERPLUS_LABELS": "mien.expressions",
    "USE_NOTICE": "mien.expressions",
    "AdaptationMetrics": "mien.adaptation.judging",
    "AdaptationResult": "mien.adaptation.run",
    "AnswerOptions": "mien.recognition.answers",
    "Augmentation": "mien.data.augmentation",
    "BaseRates": "mien.base_rates",
    "Box": "mien.geometry",
    "CheckpointState": "mien.training.runs",
    "Comparison": "mien.evaluation.comparison",
    "CropFrame": "mien.geometry",
    "DataHashes": "mien.training.records",
    "DecisionRule": "mien.decision",
    "Detector": "mien.detection.base",
    "Device": "mien.runtime.devices",
    "Difference": "mien.evaluation.comparison",
    "Ending": "mien.video.sinks.base",
    "EpochMetrics": "mien.training.history",
    "EvaluationOptions": "mien.evaluation.predictors",
    "EvaluationResult": "mien.evaluation.results",
    "Explanation": "mien.recognition.explanation",
    "ExportResult": "mien.training.export.onnx_export",
    "Expression": "mien.expressions",
    "ExpressionPipeline": "mien.recognition.pipeline",
    "ExpressionProbabilities": "mien.recognition.probabilities",
    "FaceDetection": "mien.detection.base",
    "FaceExpression": "mien.recognition.results",
    "FaceLandmarks": "mien.geometry",
    "FaceMark": "mien.render.faces",
    "FaceQuality": "mien.recognition.quality",
    "FailedImage": "mien.recognition.results",
    "FerDataset": "mien.data.dataset",
    "FirstWeights": "mien.training.initialization",
    "FrameAnalyzer": "mien.video.analyzer",
    "FrameResult": "mien.video.results",
    "FurtherData": "mien.training.config",
    "GroupResult": "mien.evaluation.groups",
    "HeadSpec": "mien.metadata",
    "ImageResult": "mien.recognition.results",
    "ImportOptions": "mien.curation.importing",
    "Initialization": "mien.training.initialization",
    "InputSpec": "mien.metadata",
    "Interval": "mien.evaluation.bootstrap",
    "JsonObject": "mien.json_object",
    "LabelSet": "mien.expressions",
    "Listener": "mien.training.progress",
    "Measured": "mien.adaptation.judging",
    "MienError": "mien.errors",
    "ModelMetadata": "mien.metadata",
    "Predictor": "mien.evaluation.predictors",
    "Recognizer": "mien.recognition.recognizer",
    "RunFolder": "mien.training.runs",
    "RunRecord": "mien.training.records",
    "RunResult": "mien.training.run",
    "Sampling": "mien.video.sources.sampling",
    "SearchMode": "mien.detection.settings",
    "SearchSettings": "mien.detection.settings",
    "Sink": "mien.video.sinks.base",
    "StageClock": "mien.video.clock",
    "Timeline": "mien.video.sinks.timeline",
    "TrackSummary": "mien.video.sinks.timeline",
    "TrackedFace": "mien.video.results",
    "TrainingConfig": "mien.training.config",
    "VideoFrame": "mien.video.sources.base",
    "VideoInfo": "mien.video.sources.base",
    "VideoOutputs": "mien.video.outputs",
    "VideoSettings": "mien.video.settings",
    "VideoSource": "mien.video.sources.base",
    "VideoSummary": "mien.video.record",
    "WeightFile": "mien.weights",
    "WeightsSource": "mien.training.records",
    "__version__": "mien.version",
    "adapt": "mien.adaptation.run",
    "analyze_video": "mien.video.run",
    "build_detector": "mien.detection.registry",
    "build_network": "mien.networks.registry",
    "compare": "mien.evaluation.comparison",
    "crop_face": "mien.preprocessing",
    "evaluate": "mien.evaluation.run",
    "evaluate_groups": "mien.evaluation.groups",
    "explain": "mien.recognition.explanation",
    "export_onnx": "mien.training.export.onnx_export",
    "export_run": "mien.training.export.onnx_export",
    "import_dataset": "mien.curation.importing",
    "list_detectors": "mien.detection.registry",
    "list_weights": "mien.weights",
    "load": "mien.recognition.pipeline",
    "load_config": "mien.training.recipes",
    "load_image": "mien.imaging",
    "load_recognizer": "mien.recognition.recognizer",
    "open_dataset": "mien.data.dataset",
    "open_video": "mien.video.sources.open",
    "record_video": "mien.video.record",
    "to_model_input": "mien.preprocessing",
    "train": "mien.training.run",
}


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562), so that ``import mien`` loads neither torch nor FFmpeg."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return found


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted({*globals(), *__all__})
