"""A recognizer whose concurrent callers share the network's batches.

calls of several threads → queue → one batch (N, 1, size, size) → network → rows back to each caller
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import numpy as np

from mien.errors import MienError, ModelFileError
from mien.geometry import FloatArray
from mien.recognition.recognizer import Recognizer
from mien.runtime.devices import Device

_LOG = logging.getLogger("mien.service")
#: Probabilities are float32: eight of them sum to one within this.
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class _Call:
    """Faces of one caller, (N, 1, size, size), and the outputs for them when they are done."""

    faces: FloatArray
    outputs: "Future[dict[str, FloatArray]]" = field(default_factory=Future)


class BatchingRecognizer(Recognizer):
    """Collects the faces of callers in several threads and runs them through the network together.

    A batch starts when it is full, when all active callers are waiting for it, or when its first face has waited
    ``wait_s``. A single caller is never delayed. Each caller gets the outputs that a call of its own would give.

    Args:
        path: The ONNX file.
        active: Returns the number of active callers: those that wait and those that will call.
        batch_size: A batch with this many faces starts at once.
        wait_s: Longest time to wait for other callers.
        on_batch: Called with the number of faces of each batch.
        threads: Threads of the network; None leaves the number to onnxruntime.
        device: What it runs on.
    """

    def __init__(
        self,
        path: Path,
        *,
        active: Callable[[], int],
        batch_size: int = 64,
        wait_s: float = 0.002,
        on_batch: Callable[[int], None] = lambda _: None,
        threads: int | None = None,
        device: Device = "auto",
    ) -> None:
        super().__init__(path, batch_size=batch_size, threads=threads, device=device)
        self._active, self._wait_s, self._on_batch = active, wait_s, on_batch
        self._failure: str | None = None
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()  # None stops the thread
        self._thread = Thread(target=self._serve, name="mien-batches", daemon=True)
        self._thread.start()

    def _outputs(self, faces: FloatArray) -> dict[str, FloatArray]:
        """All outputs of the network for these faces; blocks until the batch is done.

        Raises:
            ModelFileError: The outputs are not probabilities.
        """
        if not len(faces):  # a picture without faces needs no batch
            return self._through_network(faces)
        call = _Call(faces)
        self._calls.put(call)
        return call.outputs.result()

    def probe(self) -> None:
        """One inference of a gray face.

        Raises:
            MienError: The network fails, or its outputs are not probabilities.
        """
        size = self.metadata.input.size
        self.predict_proba(np.full((1, size, size), 0.5, np.float32))

    @property
    def problem(self) -> str | None:
        """Why no predictions can be made now: the thread has stopped, or the last batch failed; None if they can."""
        return self._failure if self._thread.is_alive() else "the inference thread has stopped"

    def close(self) -> None:
        """Answer the waiting callers, then stop the thread."""
        self._calls.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._calls.get()) is not None:
            calls, stop = self._gather(first)
            self._run(calls)
            if stop:
                return

    def _gather(self, first: _Call) -> tuple[list[_Call], bool]:
        """The calls of one batch, and whether the thread should stop after it."""
        calls, faces, deadline = [first], len(first.faces), monotonic() + self._wait_s
        while faces < self.batch_size:
            # When all active callers wait already, no other can join: take what is queued, and start.
            patience = deadline - monotonic() if len(calls) < self._active() else 0
            try:
                call = self._calls.get(timeout=patience) if patience > 0 else self._calls.get_nowait()
            except Empty:
                break
            if call is None:
                return calls, True
            calls.append(call)
            faces += len(call.faces)
        return calls, False

    def _run(self, calls: list[_Call]) -> None:
        faces = np.concatenate([call.faces for call in calls])  # (N, 1, size, size)
        self._on_batch(len(faces))
        try:
            outputs = self._checked(self._through_network(faces), len(faces))  # by name, (N, classes)
        except Exception as err:  # noqa: BLE001 - any error goes to the callers, and the thread must survive it
            if self._failure is None:  # log the first failure, not each batch of a broken model
                _LOG.error("the model cannot be used: %s", err)
            self._failure = str(err) if isinstance(err, MienError) else "the network failed"
            for call in calls:
                call.outputs.set_exception(err)
            return
        self._failure = None
        start = 0  # rows of the batch are in the order of the calls
        for call in calls:
            end = start + len(call.faces)
            call.outputs.set_result({name: rows[start:end] for name, rows in outputs.items()})
            start = end

    def _checked(self, outputs: dict[str, FloatArray], count: int) -> dict[str, FloatArray]:
        """The outputs, if each has a distribution for each face.

        Raises:
            ModelFileError: One has another shape, or rows that are not probabilities.
        """
        for head in self.metadata.heads.values():
            rows, shape = outputs[head.output], (count, len(head.labels))
            if rows.shape != shape:
                raise ModelFileError(f"{self.path}: {head.output} has the shape {rows.shape}, expected {shape}")
            inside = np.isfinite(rows).all() and rows.min(initial=0) >= 0 and rows.max(initial=0) <= 1 + _SUM_TOLERANCE
            if not inside or np.abs(rows.sum(axis=1) - 1).max(initial=0) > _SUM_TOLERANCE:
                raise ModelFileError(f"{self.path}: {head.output} does not hold probabilities that sum to 1")
        return outputs
