"""What a training step costs, network by network, in float32 and bfloat16.

    python benchmarks/training_speed.py [--threads 1] [--batch-size 128] [NETWORK …]

Random faces and targets; forward, backward and an AdamW step; the median of some steps. Networks take turns.
"""

import argparse
import time

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mien.networks.registry import build_network, list_networks
from mien.networks.summary import summarize
from mien.training.losses import cross_entropy
from mien.training.precision import PRECISIONS, Precision

STEPS = 4


class Stepper:
    """A network with its optimizer."""

    def __init__(self, name: str, precision: Precision) -> None:
        self._fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        network: nn.Module = build_network(name).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        self._network, self._optimizer = self._fabric.setup(network, optimizer)

    def step(self, faces: Tensor, targets: Tensor) -> float:
        """Its seconds."""
        started = time.perf_counter()
        loss = cross_entropy(self._network(faces), targets).mean()
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        self._optimizer.step()
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    names = given.networks or [name for name in list_networks() if name != "tiny"]
    faces = torch.rand(given.batch_size, 1, 48, 48).contiguous(memory_format=torch.channels_last)
    targets = torch.full((given.batch_size, 8), 1 / 8)
    steppers = {(name, precision): Stepper(name, precision) for name in names for precision in PRECISIONS}
    seconds = [[stepper.step(faces, targets) for stepper in steppers.values()] for _ in range(STEPS + 1)]
    speeds = dict(zip(steppers, given.batch_size / np.median(seconds[1:], axis=0), strict=True))
    print(
        "| network | parameters | multiply-adds | images/s, float32 | images/s, bfloat16 |\n|---|---:|---:|---:|---:|"
    )
    for name in names:
        summary = summarize(name)
        both = " | ".join(f"{speeds[name, precision]:.0f}" for precision in PRECISIONS)
        print(f"| {name} | {summary.total / 1e6:.2f} M | {summary.multiply_adds / 1e6:.0f} M | {both} |")


if __name__ == "__main__":
    main()
