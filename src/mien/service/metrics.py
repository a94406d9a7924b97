"""The service's metrics, in Prometheus's format; none identifies a client or what a picture shows."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

#: Upper bounds of the histograms' buckets.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FACES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

#: Environment variable that is set with several worker processes: the folder where prometheus_client adds up counts.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The counters of one process; with several workers :meth:`text` gives the sum over all."""

    def __init__(self) -> None:
        self._registry = mine = CollectorRegistry()  # not the global one, so that a process can build two applications
        self.requests = Counter("mien_requests", "Requests by route and status", ["route", "status"], registry=mine)
        self.seconds = Histogram(
            "mien_request_seconds", "Time of a request", ["route"], buckets=_SECONDS, registry=mine
        )
        self.pictures = Counter("mien_pictures", "Pictures by outcome", ["outcome"], registry=mine)
        self.faces = Counter("mien_faces", "Faces read", registry=mine)
        self.batch_faces = Histogram("mien_batch_faces", "Faces that shared a batch", buckets=_FACES, registry=mine)
        self.in_flight = Gauge("mien_in_flight", "Requests in progress", multiprocess_mode="livesum", registry=mine)
        self.streams = Gauge("mien_streams", "Live cameras", multiprocess_mode="livesum", registry=mine)
        self.frames = Counter("mien_frames", "Frames of live cameras by outcome", ["outcome"], registry=mine)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)
