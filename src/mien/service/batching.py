"""A recognizer whose concurrent callers share the network's batches.

It does not know requests: a caller is any thread, and its answer is the one it would get alone.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import numpy as np

from mien.geometry import FloatArray
from mien.recognition.recognizer import Recognizer


@dataclass(frozen=True, slots=True)
class _Ask:
    """Faces of one caller, (N, 1, size, size), and where the outputs for them go."""

    faces: FloatArray
    outputs: "Future[dict[str, FloatArray]]" = field(default_factory=Future)


class BatchingRecognizer(Recognizer):
    """Collects the faces of callers in several threads and runs them through the network together.

    A batch starts when it is full, when every caller that is at work waits for it, or when its first face has waited
    ``wait_s``: whoever is alone never waits.

    Args:
        path: The ONNX file.
        at_work: How many callers are on their way to ask, those that wait included.
        batch_size: A batch with so many faces starts at once.
        wait_s: Longest wait for others.
        on_batch: Called with the number of faces of each batch.
        threads: Threads of the network.
    """

    def __init__(
        self,
        path: Path,
        *,
        at_work: Callable[[], int],
        batch_size: int = 64,
        wait_s: float = 0.002,
        on_batch: Callable[[int], None] = lambda _: None,
        threads: int | None = None,
    ) -> None:
        super().__init__(path, batch_size=batch_size, threads=threads)
        self._at_work, self._wait_s, self._on_batch = at_work, wait_s, on_batch
        self._asks: SimpleQueue[_Ask | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="mien-batches", daemon=True)
        self._thread.start()

    def _outputs(self, faces: FloatArray) -> dict[str, FloatArray]:
        """All outputs of the file for these faces; blocks until the batch is through."""
        if not len(faces):
            return self._through_network(faces)
        ask = _Ask(faces)
        self._asks.put(ask)
        return ask.outputs.result()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """Answer who waits, then stop."""
        self._asks.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._asks.get()) is not None:
            asks, last = self._gather(first)
            self._run(asks)
            if last:
                return

    def _gather(self, first: _Ask) -> tuple[list[_Ask], bool]:
        """The callers of one batch, and whether the end was asked for."""
        asks, faces, deadline = [first], len(first.faces), monotonic() + self._wait_s
        while faces < self.batch_size:
            patience = deadline - monotonic() if len(asks) < self._at_work() else 0
            try:
                ask = self._asks.get(timeout=patience) if patience > 0 else self._asks.get_nowait()
            except Empty:
                break
            if ask is None:
                return asks, True
            asks.append(ask)
            faces += len(ask.faces)
        return asks, False

    def _run(self, asks: list[_Ask]) -> None:
        faces = np.concatenate([ask.faces for ask in asks])
        self._on_batch(len(faces))
        try:
            outputs = self._through_network(faces)
        except Exception as err:  # noqa: BLE001 - whatever it is belongs to the callers, and the thread must live on
            for ask in asks:
                ask.outputs.set_exception(err)
            return
        start = 0
        for ask in asks:
            end = start + len(ask.faces)
            ask.outputs.set_result({name: rows[start:end] for name, rows in outputs.items()})
            start = end
