"""From pictures to expressions: the same whichever way a picture comes in, and framed as in training."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.detection.base import FaceDetection
from mien.errors import ShapeError, SourceError, UnknownDetectorError
from mien.geometry import Box, iou
from mien.imaging.reading import ImageSource
from mien.metadata import ModelMetadata
from mien.preprocessing import DEFAULT_FRAMES, LUMA_601, face_crop_box
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.recognition.results import FailedImage, ImageResult
from tests.photos import Picture, head, pasted, portrait
from tests.small_models import write_model


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(portrait()).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_every_way_in_gives_the_same_result(pipeline: ExpressionPipeline, photo: Path) -> None:
    expected = pipeline.predict(photo)
    assert expected.source == str(photo)
    assert expected.size == (512, 512)
    assert len(expected.faces) == 1
    sources: list[ImageSource] = [
        photo.read_bytes(),
        BytesIO(photo.read_bytes()),
        Image.fromarray(portrait()),
        portrait(),
    ]
    for result in [*pipeline.predict(sources), pipeline.predict(portrait()[..., ::-1], color="bgr")]:
        assert result.source is None
        assert result.faces[0].detection == expected.faces[0].detection
        assert result.faces[0].probabilities.row == pytest.approx(expected.faces[0].probabilities.row, abs=1e-6)


def test_a_pipeline_is_called_like_its_predict_and_says_what_it_is_of(
    pipeline: ExpressionPipeline, photo: Path
) -> None:
    assert pipeline(photo) == pipeline.predict(photo)
    assert pipeline([photo, photo]) == pipeline.predict([photo, photo])
    assert repr(pipeline) == f"<ExpressionPipeline centerface, {pipeline.recognizer.metadata.name}>"


def test_pictures_read_together_are_read_as_alone(pipeline: ExpressionPipeline) -> None:
    empty, many = np.full((90, 120, 3), 127, np.uint8), pasted(200, [(100, 100), (500, 300), (900, 600)])
    together = pipeline.predict([portrait(), empty, many] * 4)
    assert [len(result.faces) for result in together] == [1, 0, 3] * 4
    for position, image in enumerate([portrait(), empty, many]):
        alone = pipeline.predict(image)
        for first, second in zip(alone.faces, together[position + 3].faces, strict=True):
            assert first.detection == second.detection
            assert first.probabilities.row == pytest.approx(second.probabilities.row, abs=1e-6)


def test_faces_come_from_left_to_right(pipeline: ExpressionPipeline) -> None:
    lefts = [
        face.detection.box.left for face in pipeline.predict(pasted(200, [(900, 10), (100, 500), (500, 250)])).faces
    ]
    assert lefts == sorted(lefts)


def test_no_pictures_and_no_faces_are_empty(pipeline: ExpressionPipeline) -> None:
    assert pipeline.predict([]) == []
    assert list(pipeline.stream([])) == []
    assert pipeline.predict(np.zeros((5, 5, 3), np.uint8)).faces == ()


def test_an_array_of_four_dimensions_is_as_many_pictures(pipeline: ExpressionPipeline) -> None:
    batch = np.stack([portrait(), portrait()[:, ::-1]])
    read: object = pipeline.predict(batch)
    assert read == pipeline.predict(list(batch))
    empty: object = pipeline.predict(batch[:0])
    assert empty == []


def test_a_folder_is_streamed_and_predict_names_the_way(pipeline: ExpressionPipeline, photo: Path) -> None:
    deep = photo.parent / "deep"
    deep.mkdir()
    (deep / "bad.jpg").write_bytes(b"none")
    (photo.parent / "Thumbs.db").write_bytes(b"x")
    for folder in (photo.parent, str(photo.parent)):
        failed, read = pipeline.stream(folder)
        assert isinstance(failed, FailedImage)
        assert read == pipeline.predict(photo)
    assert [*pipeline.stream(str(photo))] == [pipeline.predict(photo)]
    with pytest.raises(SourceError, match="is a folder, expected a picture") as caught:
        pipeline.predict(photo.parent)
    assert "pipeline.stream(FOLDER)" in str(caught.value.hint)


def test_a_stream_goes_on_after_a_bad_picture(pipeline: ExpressionPipeline, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    outcomes = list(pipeline.stream([photo, tmp_path / "bad.jpg", tmp_path / "nowhere.jpg", photo] * 5))
    kinds = [ImageResult, FailedImage, FailedImage, ImageResult] * 5
    assert [type(outcome) for outcome in outcomes] == kinds
    assert [outcome.source for outcome in outcomes[1:3]] == [str(tmp_path / "bad.jpg"), str(tmp_path / "nowhere.jpg")]
    assert outcomes[0] == outcomes[-1]


def test_a_stream_takes_no_more_pictures_than_it_needs(pipeline: ExpressionPipeline) -> None:
    taken = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield np.zeros((8, 8, 3), np.uint8)

    next(pipeline.stream(endless()))  # type: ignore[arg-type]
    assert len(taken) <= 8


def test_a_missing_picture_is_an_error_of_predict(pipeline: ExpressionPipeline) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.jpg"):
        pipeline.predict("nowhere.jpg")


def test_an_unknown_detector_is_refused(small_model: Path) -> None:
    with pytest.raises(UnknownDetectorError, match="did you mean haar"):
        load(small_model, "harr")


@pytest.mark.parametrize("angle_deg", [-90, -45, 30, 90])
def test_a_rolled_face_is_cropped_as_the_upright_one(pipeline: ExpressionPipeline, angle_deg: int) -> None:
    canvas = Image.new("RGB", (620, 620), (120, 120, 120))
    canvas.paste(head().resize((360, 360)), (130, 130))
    crops = []
    for picture in (canvas, canvas.rotate(-angle_deg, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))):
        image = np.asarray(picture)
        (face,) = pipeline.detector.detect(image)
        crops.append(pipeline.crop(image, face).ravel())
    assert np.asarray(np.corrcoef(crops))[0, 1] > 0.82  # key points are exact to some 4°; unturned crops reach 0.3


def test_below_the_models_angle_a_face_is_left_as_it_is(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", ModelMetadata("m", frames=DEFAULT_FRAMES, upright_from_deg=180.5))
    lazy = load(path)
    (face,) = lazy.detector.detect(portrait())
    flat = FaceDetection(face.box, face.score)
    np.testing.assert_array_equal(lazy.crop(portrait(), face), lazy.crop(portrait(), flat))


def test_a_training_face_pasted_into_a_photo_is_framed_as_it_was(
    pipeline: ExpressionPipeline, real_faces: Picture
) -> None:
    overlaps = []
    for picture in real_faces:
        canvas = np.full((360, 480, 3), 128, np.uint8)
        canvas[100:244, 150:294] = np.asarray(Image.fromarray(picture).resize((144, 144)).convert("RGB"))
        faces = pipeline.detector.detect(canvas)
        if faces:
            best = max(faces, key=lambda face: face.score)
            crop = face_crop_box(best.box, DEFAULT_FRAMES["blazeface"], roll_deg=best.roll_deg)
            overlaps.append(iou(crop, Box(150, 100, 294, 244)))
    assert len(overlaps) >= 0.95 * len(real_faces)
    assert np.median(overlaps) > 0.75


@pytest.fixture(scope="module")
def real_faces(shared: Path) -> Picture:
    """The first 80 usable training faces of FER2013."""
    import lzma

    faces = []
    with lzma.open(shared / "fer2013" / "fer2013.csv.xz", "rt") as lines:
        next(lines)
        for line in lines:
            pixels = np.array(line.split(",")[1].split(), np.uint8)
            if pixels.any():
                faces.append(pixels.reshape(48, 48))
            if len(faces) == 80:
                return np.stack(faces)
    raise AssertionError


class _Watched(list[str]):
    """Names of pictures that notes how many were asked for."""

    asked = 0

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self.asked += 1
            yield name


@pytest.mark.parametrize(("side", "ahead"), [(64, 8), (5000, 1)])
def test_a_stream_holds_few_pictures_and_of_large_ones_a_single_one(
    pipeline: ExpressionPipeline, tmp_path: Path, side: int, ahead: int
) -> None:
    Image.new("L", (side, side), 128).save(tmp_path / "flat.png")
    names = _Watched([str(tmp_path / "flat.png")] * 10)
    stream = pipeline.stream(names)
    next(stream)
    assert names.asked == ahead
    if side == 64:
        assert len(list(stream)) == 9


def test_crops_are_the_faces_as_the_network_sees_them_in_color() -> None:
    pipeline = load()
    result = pipeline.predict(portrait())
    size = pipeline.recognizer.metadata.input.size
    (small,) = result.crops(size)
    assert result.image is not None
    seen = pipeline.crop(result.image, result.faces[0].detection)
    assert np.abs(small @ np.array(LUMA_601) / 255 - seen).max() < 1 / 255
    (shown,) = result.crops()
    assert shown.shape == (224, 224, 3)
    again = load(detector="whole").predict(shown)  # the crop alone is read as the face was
    assert again.faces[0].expression == result.faces[0].expression
    with pytest.raises(ShapeError, match="holds no picture to crop faces from"):
        replace(result, image=None).crops()
