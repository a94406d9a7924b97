"""What ``import mien`` gives, and what it costs."""

import importlib
import subprocess
import sys

import pytest

import mien

LEARNING = {"build_network", "evaluate", "export_onnx", "export_run", "load_config", "open_dataset", "train"}
HEAVY = {"torch", "matplotlib", "pandas", "sklearn", "fastapi", "onnxruntime", "cv2", "onnx", "scipy", "typer", "av"}


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_public_names_are_these() -> None:
    assert mien.__all__ == [
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


@pytest.mark.parametrize("name", mien.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(mien, name) is not None


@pytest.mark.parametrize("name", sorted(LEARNING))
def test_the_learning_side_has_its_own_function_under_each_name(name: str) -> None:
    found = getattr(mien, name)
    assert found is getattr(importlib.import_module(found.__module__), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'analyze'"):
        _ = mien.analyze


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = run_python("import sys, mien; print(*(n for n in sys.modules if n.startswith(('mien', 'numpy', 'PIL'))))")
    assert loaded.split() == ["mien"]


def test_inference_leaves_the_heavy_libraries_alone() -> None:
    loaded = set(run_python("import sys, mien; mien.load; print(*sys.modules)").split())
    assert "mien.recognition.pipeline" in loaded
    assert not HEAVY & loaded
    assert not any(
        name.startswith(("mien.data", "mien.networks", "mien.training", "mien.evaluation", "mien.video"))
        for name in loaded
    )
