import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from mien.training.export.onnx_passes import rewrite_poolings


class Poolings(nn.Module):
    """All kinds of poolings, one after the other."""

    def __init__(self, padding: int = 0) -> None:
        super().__init__()
        self.conv, self.padding = nn.Conv2d(1, 6, 3), padding

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = functional.avg_pool2d(self.conv(images), 2, padding=self.padding)
        weights = features.mean(dim=(2, 3)).sigmoid()
        scaled = functional.avg_pool2d(features * weights[:, :, None, None], 3, stride=2)
        return functional.adaptive_avg_pool2d(scaled, 1).flatten(1).mean(dim=1, keepdim=True)


def exported(network: nn.Module) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1)
    program = torch.onnx.export(
        network.eval(), (torch.rand(2, 1, 20, 20),), dynamo=True, dynamic_shapes=({0: batch},), verbose=False
    )
    assert program is not None
    return program.model_proto


def answers(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {session.get_inputs()[0].name: images})[0]
    return result


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_rewritten_graph_computes_the_same() -> None:
    torch.manual_seed(0)
    model = exported(Poolings())
    rewritten = rewrite_poolings(model)
    assert kinds(model).count("AveragePool") == 2
    assert "AveragePool" not in kinds(rewritten)
    assert kinds(rewritten).count("GlobalAveragePool") == 2
    assert kinds(rewritten).count("ReduceMean") == 1  # that over channels
    images = np.random.default_rng(0).random((5, 1, 20, 20), np.float32)
    assert np.allclose(answers(rewritten, images), answers(model, images), atol=1e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_padded_pooling_stays_as_it_is() -> None:
    torch.manual_seed(0)
    model = exported(Poolings(padding=1))
    rewritten = rewrite_poolings(model)
    assert kinds(rewritten).count("AveragePool") == 1
    images = np.random.default_rng(0).random((5, 1, 20, 20), np.float32)
    assert np.allclose(answers(rewritten, images), answers(model, images), atol=1e-6)
