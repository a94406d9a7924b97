"""All steps of inference: detect faces, turn each upright, crop it as in training, run the network.

    picture (H, W, 3) → detector → boxes, key points → upright crops (N, 48, 48) → network → (N, 8) → result

Faces of several pictures share the network's batches.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import overload

import numpy as np

from mien.base_rates import Prior
from mien.decision import Decision
from mien.detection.base import Detector, FaceDetection
from mien.detection.registry import DEFAULT_DETECTOR, build_detector
from mien.detection.settings import SearchMode, SearchSettings
from mien.errors import ConfigError
from mien.geometry import WHOLE_FRAME, ByteArray, FloatArray
from mien.imaging import MAX_PIXELS, ColorOrder, ImageSource, describe_source, load_image
from mien.imaging.folders import pictures_at
from mien.imaging.limits import LARGE_PIXELS, PICTURE_TIME_S
from mien.metadata import PERCEIVED, LabelConvention
from mien.preprocessing import DEFAULT_FRAMES, Framing, crop_face
from mien.recognition.answers import AnswerOptions
from mien.recognition.decoding import decoded
from mien.recognition.probabilities import ExpressionProbabilities
from mien.recognition.quality import measure_quality
from mien.recognition.recognizer import Recognizer, load_recognizer
from mien.recognition.results import FaceExpression, FailedImage, ImageResult
from mien.runtime.devices import Device

#: Largest number of pictures, and of their pixels, in memory while their faces share a batch; a picture with more
#: pixels is processed alone.
PICTURES_AT_A_TIME, PIXELS_AT_A_TIME = 8, LARGE_PIXELS


class ExpressionPipeline:
    """A detector and a network, loaded once; calls from several threads at once are safe.

    Raises:
        ConfigError: ``min_confidence`` is not in [0, 1], or ``max_pixels`` below 1.
    """

    def __init__(
        self,
        detector: Detector,
        recognizer: Recognizer,
        *,
        min_confidence: float = 0.0,
        max_pixels: int = MAX_PIXELS,
        allow_urls: bool = False,
    ) -> None:
        if not 0 <= min_confidence <= 1:
            raise ConfigError(f"min_confidence is {min_confidence}, expected a probability in [0, 1]")
        if max_pixels < 1:
            raise ConfigError(f"max_pixels is {max_pixels}, expected at least 1")
        self.detector, self.recognizer = detector, recognizer
        self.min_confidence, self.max_pixels, self.allow_urls = min_confidence, max_pixels, allow_urls
        # the frame in the model file comes first: it was measured on the images that the model was trained on
        frame = recognizer.metadata.frames.get(detector.name) or DEFAULT_FRAMES.get(detector.name, WHOLE_FRAME)
        self._framing = Framing(frame, recognizer.metadata.upright_from_deg)

    def __repr__(self) -> str:
        return f"<ExpressionPipeline {self.detector.name}, {self.recognizer.metadata.name}>"

    def with_options(self, options: AnswerOptions) -> "ExpressionPipeline":
        """The same detector and network with other options; nothing is loaded.

        Raises:
            ConfigError: The model does not support the options.
            SourceError: A file of base rates cannot be read.
        """
        recognizer = self.recognizer.with_options(options)
        return ExpressionPipeline(
            self.detector,
            recognizer,
            min_confidence=self.min_confidence,
            max_pixels=self.max_pixels,
            allow_urls=self.allow_urls,
        )

    @overload
    def predict(self, source: list[ImageSource], *, color: ColorOrder = ...) -> list[ImageResult]: ...
    @overload
    def predict(self, source: ImageSource, *, color: ColorOrder = ...) -> ImageResult: ...
    def predict(
        self, source: ImageSource | list[ImageSource], *, color: ColorOrder = "rgb"
    ) -> ImageResult | list[ImageResult]:
        """The faces of a picture and their expressions; a list gives a list. ``color`` is the order of arrays.

        An array (N, H, W, C) is a list of N pictures; type checkers know that of ``list(array)``, which is the same.

        Raises:
            SourceError: A file does not exist or may not be read.
            ImageDecodeError: A picture cannot be read.
        """
        if isinstance(source, np.ndarray) and source.ndim == 4:
            source = list(source)
        if not isinstance(source, list):
            return self._read_together([source], color)[0]
        return [result for part in _parts(source) for result in self._read_together(part, color)]

    #: ``pipeline("photo.jpg")``, as Hugging Face's pipelines are called.
    __call__ = predict

    def predict_faces(
        self, source: ImageSource, faces: Sequence[FaceDetection], *, color: ColorOrder = "rgb"
    ) -> ImageResult:
        """The expressions of faces that were detected elsewhere, in the given order.

        Boxes must frame a face as this pipeline's detector does (see ``CropFrame``); for pictures that are cropped
        faces use the detector ``whole``.

        Raises:
            SourceError: A file does not exist or may not be read.
            ImageDecodeError: The picture cannot be read.
        """
        image = self._load(source, color)
        return self._read_faces([(describe_source(source), image)], [tuple(faces)])[0]

    def stream(
        self, sources: Iterable[ImageSource] | str | Path, *, workers: int = 0, time_s: float = PICTURE_TIME_S
    ) -> Iterator[ImageResult | FailedImage]:
        """Results one after the other; a picture that cannot be read gives its error instead.

        Memory does not grow with the number of pictures: few are held at a time, and of large ones a single one.

        Args:
            sources: Pictures; or the path of a folder, which is searched through, or of one picture.
            workers: Number of processes that decode, each of which is replaced if a picture hangs, needs too much
                memory or crashes the decoder; 0 decodes in this process.
            time_s: Time limit per picture in a worker, in seconds.
        """
        held: list[tuple[str | None, ByteArray | FailedImage]] = []
        if isinstance(sources, str | Path):
            sources = pictures_at(Path(sources))
        pictures = decoded(
            sources, workers=workers, time_s=time_s, max_pixels=self.max_pixels, allow_urls=self.allow_urls
        )
        for picture in pictures:
            held.append(picture)
            del picture  # a large one would be held while the next is decoded
            pixels = sum(item.shape[0] * item.shape[1] for _, item in held if isinstance(item, np.ndarray))
            # batches fill the network; the bound on pixels keeps a folder of large photos from filling memory
            if len(held) == PICTURES_AT_A_TIME or pixels >= PIXELS_AT_A_TIME:
                yield from self._flush(held)
        yield from self._flush(held)

    def _flush(self, held: list[tuple[str | None, ByteArray | FailedImage]]) -> Iterator[ImageResult | FailedImage]:
        """Yield the results of the held pictures and empty the list; no yielded picture stays referenced."""
        results = self._read_pictures([(name, item) for name, item in held if isinstance(item, np.ndarray)])
        failures = [item if isinstance(item, FailedImage) else None for _, item in held]
        held.clear()  # the results hold the pictures now, and popping them lets the caller free each one
        results.reverse()  # so that pop() takes them in order
        for failure in failures:
            yield failure or results.pop()

    def _read_together(self, sources: Sequence[ImageSource], color: ColorOrder) -> list[ImageResult]:
        return self._read_pictures([(describe_source(s), self._load(s, color)) for s in sources])

    def _load(self, source: ImageSource, color: ColorOrder) -> ByteArray:
        return load_image(source, color=color, max_pixels=self.max_pixels, allow_urls=self.allow_urls)

    def _read_pictures(self, pictures: Sequence[tuple[str | None, ByteArray]]) -> list[ImageResult]:
        """Detect all faces, then read them together; (source, image) pairs become results in the same order."""
        return self._read_faces(pictures, [self.detector.detect(image) for _, image in pictures])

    def _read_faces(
        self, pictures: Sequence[tuple[str | None, ByteArray]], found: Sequence[Sequence[FaceDetection]]
    ) -> list[ImageResult]:
        """Crop the faces ``found`` in each picture and read them together."""
        crops = [self.crop(image, face) for (_, image), faces in zip(pictures, found, strict=True) for face in faces]
        # one iterator over the faces of all pictures, from which each picture takes its own
        named = zip(self.read_crops([face for faces in found for face in faces], crops), crops, strict=True)
        results = []
        for (source, image), faces in zip(pictures, found, strict=True):
            size = image.shape[1], image.shape[0]  # (width, height)
            read = tuple(
                replace(face, quality=measure_quality(face.detection, crop, size))
                for face, crop in islice(named, len(faces))
            )
            results.append(ImageResult(size, read, source, image, self._framing))
        return results

    def read_crops(self, faces: Sequence[FaceDetection], crops: Sequence[FloatArray]) -> list[FaceExpression]:
        """The expressions of faces from their crops, (size, size) in [0, 1] each, in the given order."""
        side = self.recognizer.metadata.input.size
        return self.named(faces, self.recognizer.predict_proba(np.array(crops, np.float32).reshape(-1, side, side)))

    def named(self, faces: Sequence[FaceDetection], rows: FloatArray) -> list[FaceExpression]:
        """The expressions of faces from the probabilities of the recognizer, (faces, labels), in the given order."""
        return [
            FaceExpression(
                face,
                ExpressionProbabilities.from_row(self.recognizer.labels, row),
                None,
                self.min_confidence,
                self.recognizer.decision,
            )
            for face, row in zip(faces, rows, strict=True)
        ]

    def crop(self, image: ByteArray, face: FaceDetection) -> FloatArray:
        """A detected face as the network sees it: upright, framed as in training, (size, size) in [0, 1]."""
        box, roll_deg = self._framing.place(face.box, face.roll_deg)
        return crop_face(image, box, roll_deg=roll_deg, size=self.recognizer.metadata.input.size)


def load(  # noqa: PLR0913 - all but the first two are keywords
    model: str | PathLike[str] = "default",
    detector: str = DEFAULT_DETECTOR,
    *,
    detector_file: Path | None = None,
    search: SearchMode = "default",
    min_face: float | None = None,
    max_faces: int | None = None,
    min_detector_score: float | None = None,
    threads: int | None = None,
    min_confidence: float = 0.0,
    labels: LabelConvention = PERCEIVED,
    prior: Prior | None = None,
    decision: Decision = "rule",
    max_pixels: int = MAX_PIXELS,
    device: Device = "auto",
    allow_urls: bool = False,
) -> ExpressionPipeline:
    """A pipeline of a shipped model or a file, and a detector by name.

    Args:
        model: A name that ``mien models`` lists, or the path of an exported file.
        detector: A name of ``list_detectors()``.
        detector_file: The ONNX file of ``yunet``.
        search: ``fast`` makes one pass over a picture, ``default`` adds passes at a larger scale where small faces are
            likely, ``thorough`` everywhere.
        min_face: Width of the smallest face to find and keep: pixels from 1 on, below that a share of the picture's
            long side; None searches for 24 pixels.
        max_faces: Largest number of faces per picture, of which the largest are kept; None keeps all.
        min_detector_score: Faces below this detector score are dropped, in [0, 1]; None takes the detector's default.
        threads: Threads of each network; None leaves it to onnxruntime.
        min_confidence: No expression is named for faces where its probability is lower, in [0, 1].
        labels: ``perceived`` or ``intended``, see :class:`AnswerOptions`.
        prior: Base rates of the expressions to assume: ``balanced``, a JSON file, or rates by name; None keeps those of
            the training data.
        decision: ``rule`` names expressions by the model's decision rule, ``argmax`` the most probable one.
        max_pixels: Pictures with more pixels are refused before they are decoded.
        device: Of both networks: ``auto`` (a graphics card if onnxruntime supports one, otherwise the processor),
            ``cpu``, ``cuda``, ``coreml``, ``directml`` or ``openvino``.
        allow_urls: Fetch pictures at ``https://`` addresses, see :func:`mien.load_image`.

    Raises:
        ConfigError: A number is out of range, the detector file is missing or not supported, the device does not exist,
            or the model has no such head or unknown base rates.
        SourceError: The file of base rates cannot be read.
        UnknownModelError: There is no such shipped model.
        UnknownDetectorError: There is no such detector.
        ModelFileError: A model file cannot be used.
        MissingDependencyError: The detector needs an extra that is not installed.
    """
    named = model if isinstance(model, str) else Path(model)  # a string may be a shipped name, a path never is
    wanted = SearchSettings(search, min_face, max_faces, min_detector_score)
    with ThreadPoolExecutor(1) as beside:  # opens both sessions at the same time
        finder = beside.submit(
            build_detector, detector, file=detector_file, search=wanted, threads=threads, device=device
        )
        recognizer = load_recognizer(
            named, threads=threads, labels=labels, prior=prior, decision=decision, device=device
        )
        found_by = finder.result()
    return ExpressionPipeline(
        found_by, recognizer, min_confidence=min_confidence, max_pixels=max_pixels, allow_urls=allow_urls
    )


def _parts(sources: Iterable[ImageSource]) -> Iterator[list[ImageSource]]:
    waiting = iter(sources)
    return iter(lambda: list(islice(waiting, PICTURES_AT_A_TIME)), [])  # until a part is empty
