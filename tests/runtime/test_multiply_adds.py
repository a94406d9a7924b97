"""What networks compute, against counts by hand."""

from pathlib import Path

import pytest

from mien.runtime.multiply_adds import machine_multiply_adds, multiply_adds

onnx = pytest.importorskip("onnx")


def test_convolution_and_product_are_counted_as_by_hand(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    numpy = pytest.importorskip("numpy")
    kernel = numpy_helper.from_array(numpy.ones((4, 3, 3, 3), numpy.float32), "kernel")
    matrix = numpy_helper.from_array(numpy.ones((6, 5), numpy.float32), "matrix")
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["y"]),  # (1, 3, 8, 8) → (1, 4, 6, 6)
        helper.make_node("MatMul", ["y", "matrix"], ["z"]),  # rows of 6 → rows of 5
    ]
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, 4, 6, 5))],
        [kernel, matrix],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "by_hand.onnx")
    found, in_8_bit = multiply_adds(tmp_path / "by_hand.onnx", (1, 3, 8, 8))
    assert found == 4 * 6 * 6 * (3 * 3 * 3) + 4 * 6 * 5 * 6
    assert not in_8_bit


@pytest.mark.parametrize("in_8_bit", [True, False])
def test_the_machine_multiplies_matrices_of_both_types(in_8_bit: bool) -> None:
    assert machine_multiply_adds(in_8_bit=in_8_bit, threads=1) > 1e6
