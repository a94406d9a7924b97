"""Speed of inference on this machine: stages, latency, throughput, cold start, and the share of its peak rate.

    photo → its largest face → synthetic pictures of 1, 5 and 20 such faces → timed → BenchResult

It does not check predictions.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from mien.errors import ConfigError
from mien.geometry import ByteArray
from mien.imaging import load_image
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.render.canvas import save_picture
from mien.render.tables import Table
from mien.runtime.devices import Device
from mien.runtime.multiply_adds import machine_multiply_adds, multiply_adds

#: Faces in synthetic pictures, faces in batches of the network, and threads that are compared.
FACES, BATCHES, THREADS = (1, 5, 20), (1, 8, 64), (1, 2)
#: Synthetic pictures, in pixels: (width, height), and the side of the square with a face. Twenty fit in rows of five.
_SIZE, _PART = (1280, 960), 220
_COLUMNS = 5
#: Runs a command and prints its processor seconds and the most memory that it took.
_MEASURE = """
import os, sys
child = os.fork()
if not child:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1), os.dup2(null, 2)
    os.execv(sys.argv[1], sys.argv[1:])
_, _, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Measurements; seconds are wall-clock time unless stated otherwise.

    Attributes:
        model: File of the network.
        devices: Where it ran, in order of preference.
        stages_ms: Median milliseconds of each stage for a picture of one face.
        face_ms: Milliseconds from encoded picture to result for a picture of one face: ``p50`` and ``p99``.
        faces_per_s: Faces per second of the network by batch size, on one thread.
        images_per_s: Pictures per second by ``FACES faces, THREADS threads``.
        cold_start_s: Processor time of ``mien predict`` in a new process; wall-clock time on Windows.
        peak_mb: Peak memory of that process; None on Windows.
        multiply_adds: Of the network for one face.
        network_rate: Multiply-adds per second of the network at the largest batch, on one thread.
        machine_rate: The same of a matrix product of the same number type: the peak that this machine reaches.
        in_8_bit: Whether that type is 8-bit integers.
    """

    model: str
    devices: tuple[str, ...]
    stages_ms: Mapping[str, float]
    face_ms: Mapping[str, float]
    faces_per_s: Mapping[str, float]
    images_per_s: Mapping[str, float]
    cold_start_s: float
    peak_mb: float | None
    multiply_adds: int
    network_rate: float
    machine_rate: float
    in_8_bit: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """For people: time per picture, and throughput."""
        costs = [(f"stage {name}", f"{ms:.2f} ms") for name, ms in self.stages_ms.items()]
        costs += [(f"one face, {name}", f"{ms:.2f} ms") for name, ms in self.face_ms.items()]
        costs.append(("cold start of mien predict", f"{self.cold_start_s:.2f} s"))
        if self.peak_mb is not None:
            costs.append(("peak memory of mien predict", f"{self.peak_mb:.0f} MB"))
        rates = [(f"faces/s, batch {batch}", f"{rate:.0f}") for batch, rate in self.faces_per_s.items()]
        rates += [(f"pictures/s, {what}", f"{rate:.1f}") for what, rate in self.images_per_s.items()]
        kind = "8-bit integers" if self.in_8_bit else "float32"
        rates += [
            ("multiply-adds per face", f"{self.multiply_adds / 1e6:.1f} million"),
            ("multiply-adds/s, network", f"{self.network_rate / 1e9:.1f} billion"),
            (f"multiply-adds/s, matrix product of {kind}", f"{self.machine_rate / 1e9:.1f} billion"),
            ("share that the network reaches", f"{self.network_rate / self.machine_rate:.0%}"),
        ]
        on = f"{self.model} on {', '.join(self.devices)}"
        return [
            Table(f"Time per picture: {on}", ("", "median"), tuple(costs)),
            Table("Throughput", ("", "rate"), tuple(rates)),
        ]


def run_benchmark(
    photo: Path | None = None, *, model: str = "default", device: Device = "auto", rounds: int = 20
) -> BenchResult:
    """Measure on this machine, which takes up to a minute.

    Args:
        photo: A picture with a face; None takes scikit-image's public-domain portrait.
        model: A shipped name or a model file.
        device: Where networks run.
        rounds: Runs per median; large batches and pictures are run a fifth as often.

    Raises:
        ConfigError: No face is found in the photo, none is given and scikit-image is not installed, or ``rounds`` is
            below 1.
    """
    if rounds < 1:
        raise ConfigError(f"rounds is {rounds}, expected at least 1")
    few = max(1, rounds // 5)
    # one thread: rates of a single core compare across machines, and with machine_rate below
    pipeline = load(model, threads=1, device=device)
    part = _face_of(_portrait() if photo is None else load_image(photo), pipeline)
    pictures = {count: _encoded(_scene(part, count)) for count in FACES}
    latencies = _times(lambda: pipeline.predict(pictures[1]), 5 * rounds)  # more, as p99 is of the tail
    faces_per_s = {str(size): size / np.median(_network(pipeline, size, few)) for size in BATCHES}
    images_per_s = {}
    for threads in THREADS:
        threaded = load(model, threads=threads, device=device)
        for count, content in pictures.items():
            took = float(np.median(_times(partial(threaded.predict, content), few)))
            images_per_s[f"{count} face{'s' * (count > 1)}, {threads} thread{'s' * (threads > 1)}"] = 1 / took
    side = pipeline.recognizer.metadata.input.size
    needed, in_8_bit = multiply_adds(pipeline.recognizer.path, (1, 1, side, side))
    cold_start_s, peak_mb = _cold_start(pictures[1], model, device)
    return BenchResult(
        pipeline.recognizer.path.name,
        pipeline.recognizer.devices,
        _stages(pipeline, pictures[1], rounds),
        {f"p{share}": float(np.percentile(latencies, share)) * 1000 for share in (50, 99)},
        faces_per_s,
        images_per_s,
        cold_start_s,
        peak_mb,
        needed,
        needed * faces_per_s[str(BATCHES[-1])],
        machine_multiply_adds(in_8_bit=in_8_bit, threads=1),
        in_8_bit,
    )


def _times(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each run."""
    work()  # warms caches and lets onnxruntime allocate its buffers; not counted
    times = []
    for _ in range(rounds):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return times


def _network(pipeline: ExpressionPipeline, size: int, rounds: int) -> list[float]:
    side = pipeline.recognizer.metadata.input.size
    # noise: the time of a convolution does not depend on its values
    faces = np.random.default_rng(0).integers(0, 256, (size, side, side), np.uint8)
    return _times(lambda: pipeline.recognizer.predict_proba(faces), rounds)


def _stages(pipeline: ExpressionPipeline, content: bytes, rounds: int) -> dict[str, float]:
    # every stage starts from the finished result of the one before, so that none is counted twice
    image = load_image(content)
    result = pipeline.predict(image)
    face = result.faces[0].detection
    crop = pipeline.crop(image, face)
    rendered = result.plot()
    with tempfile.TemporaryDirectory() as folder:
        work: dict[str, Callable[[], object]] = {
            "decode": lambda: load_image(content),
            "detect": lambda: pipeline.detector.detect(image),
            "crop": lambda: pipeline.crop(image, face),
            "recognize": lambda: pipeline.read_crops([face], [crop]),
            "render": result.plot,
            "write": lambda: save_picture(rendered, Path(folder) / "rendered.png"),
        }
        return {name: float(np.median(_times(stage, rounds))) * 1000 for name, stage in work.items()}


def _cold_start(content: bytes, model: str, device: Device) -> tuple[float, float | None]:
    """Seconds and peak megabytes of ``mien predict`` in a new process: the median and the largest of three runs."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(content)
        command = [sys.executable, "-m", "mien", "predict", str(photo), "--model", model, "--device", device]
        runs = [_cost(command) for _ in range(3)]
    peaks = [peak for _, peak in runs if peak is not None]
    return float(np.median([seconds for seconds, _ in runs])), max(peaks, default=None)


def _cost(command: list[str]) -> tuple[float, float | None]:
    start = perf_counter()
    if sys.platform == "win32":
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        return perf_counter() - start, None
    # A process begins with the memory of the one that starts it, and its peak counts that: so a small one starts it.
    measured = subprocess.run(  # noqa: S603 - this Python and this package
        [sys.executable, "-S", "-c", _MEASURE, *command], check=True, capture_output=True, text=True
    )
    seconds, peak = map(float, measured.stdout.split())
    kilobytes = peak / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes
    return seconds, kilobytes / 1024


def _portrait() -> ByteArray:
    try:
        from skimage import data  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as err:
        raise ConfigError(
            "no photo was given to take a face from", hint="mien bench PHOTO, or pip install 'mien[demo]'"
        ) from err
    return np.asarray(data.astronaut(), np.uint8)


def _face_of(image: ByteArray, pipeline: ExpressionPipeline) -> Image.Image:
    """The largest face with its surroundings, as a square of ``_PART`` pixels."""
    found = pipeline.detector.detect(image)
    if not found:
        raise ConfigError("no face is found in the photo", hint="give a photo with a face")
    box = max(found, key=lambda face: face.box.area).box
    reach, (x, y) = max(box.width, box.height), box.center  # twice the box: detectors need the surroundings
    return (
        Image.fromarray(image)
        .crop((round(x - reach), round(y - reach), round(x + reach), round(y + reach)))
        .resize((_PART, _PART))
    )


def _scene(part: Image.Image, count: int) -> Image.Image:
    """A gray picture with ``count`` copies of a face."""
    canvas = Image.new("RGB", _SIZE, (118, 122, 125))
    for at in range(count):
        canvas.paste(part, (20 + at % _COLUMNS * (_PART + 28), 10 + at // _COLUMNS * (_PART + 15)))
    return canvas


def _encoded(picture: Image.Image) -> bytes:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()
