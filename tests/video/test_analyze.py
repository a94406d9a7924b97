"""Whole videos with known faces: boxes, tracks, expressions and times, and the photo as a video of one frame."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mien
from mien.geometry import iou
from mien.recognition.pipeline import ExpressionPipeline
from mien.video.analyzer import FrameAnalyzer
from mien.video.results import FrameResult
from mien.video.run import analyze_video
from mien.video.settings import VideoSettings
from mien.video.sources.base import VideoFrame
from mien.video.sources.sequences import ImageSequence
from mien.video.tracking.schedule import DetectionPass, PassSchedule
from mien.video.tracking.smoothing import Smoother
from tests.photos import Picture, portrait
from tests.videos import face_box, scene, write_video

DEFAULT = VideoSettings()


def analyzed(
    pipeline: ExpressionPipeline, pictures: list[Picture], settings: VideoSettings = DEFAULT
) -> list[FrameResult]:
    return list(analyze_video(ImageSequence(pictures), pipeline=pipeline, settings=settings))


def numbers(result: FrameResult) -> list[int | None]:
    return [face.track_id for face in result.faces]


def test_a_video_of_one_frame_equals_the_photo_bit_for_bit(pipeline: ExpressionPipeline, tmp_path: Path) -> None:
    picture = portrait()
    path = write_video(tmp_path / "one.mov", [picture], codec="png", pixels="rgb24")
    Image.fromarray(picture).save(tmp_path / "one.png")
    (frame,) = analyze_video(path, pipeline=pipeline)
    photo = pipeline.predict(tmp_path / "one.png")
    assert len(photo.faces) == 1
    assert [face.detection for face in frame.faces] == [face.detection for face in photo.faces]
    assert [face.probabilities for face in frame.faces] == [face.probabilities for face in photo.faces]
    assert [face.raw_probabilities for face in frame.faces] == [face.probabilities for face in photo.faces]
    assert (frame.size, frame.timestamp_s) == (photo.size, 0.0)


def test_a_doubtful_face_has_no_expression_as_on_a_photo(pipeline: ExpressionPipeline) -> None:
    doubtful = ExpressionPipeline(pipeline.detector, pipeline.recognizer, min_confidence=1.0)
    (photo,), (frame,) = doubtful.predict([portrait()]), analyzed(doubtful, [portrait()])
    assert [face.expression for face in photo.faces] == [face.expression for face in frame.faces] == [None]
    assert frame.to_dict()["faces"][0]["expression"] is None


def test_each_frame_of_a_pan_has_the_face_where_it_is_and_one_track(pipeline: ExpressionPipeline, pan: Path) -> None:
    results = list(mien.analyze_video(pan, pipeline=pipeline))
    assert [result.index for result in results] == list(range(40))
    assert [round(result.timestamp_s * 1000) for result in results] == [40 * n for n in range(40)]
    assert {tuple(numbers(result)) for result in results} == {(1,)}
    overlaps = [iou(result.faces[0].detection.box, face_box(20 + 6 * n, 120, 200)) for n, result in enumerate(results)]
    assert min(overlaps) > 0.75
    detected = sum(result.faces[0].detected for result in results)
    assert detected < 30  # motion alone tells the rest


def test_a_zoom_is_followed_in_size(pipeline: ExpressionPipeline) -> None:
    sides = [round(100 * 1.02**n) for n in range(50)]
    results = analyzed(pipeline, [scene([(320 - s / 2, 240 - s / 2, s)]) for s in sides])
    assert {tuple(numbers(result)) for result in results} == {(1,)}
    for side, result in zip(sides, results, strict=True):
        truth = face_box(320 - side / 2, 240 - side / 2, side)
        assert iou(result.faces[0].detection.box, truth) > 0.65


def test_a_face_behind_a_pillar_comes_back_with_its_number(pipeline: ExpressionPipeline) -> None:
    pictures = []
    for n in range(45):
        picture = scene([(20 + 8 * n, 140, 160)]).copy()
        picture[:, 270:390] = (60, 60, 60)
        pictures.append(picture)
    results = analyzed(pipeline, pictures)
    assert any(not result.faces for result in results)
    assert {number for result in results for number in numbers(result)} == {1}
    assert results[-1].faces


def test_two_people_that_cross_keep_their_numbers(pipeline: ExpressionPipeline) -> None:
    pictures = [scene([(20 + 9 * n, 130, 180), (440 - 9 * n, 150, 180)], others=[0]) for n in range(48)]
    results = analyzed(pipeline, pictures)
    assert numbers(results[0]) == [1, 2]
    assert numbers(results[-1]) == [2, 1]
    assert {number for result in results for number in numbers(result)} == {1, 2}


def test_a_cut_to_another_picture_begins_new_tracks(pipeline: ExpressionPipeline) -> None:
    first = scene([(100, 120, 200)])
    second = np.asarray(255 - scene([(420, 400, 10)]) // 3)
    second[100:300, 330:530] = scene([(330, 100, 200)])[100:300, 330:530]
    results = analyzed(pipeline, [first] * 10 + [second] * 10)
    assert {tuple(numbers(result)) for result in results[:10]} == {(1,)}
    assert {tuple(numbers(result)) for result in results[10:]} == {(2,)}
    assert results[10].faces[0].detected


def test_a_fade_to_black_ends_with_frames_without_faces(pipeline: ExpressionPipeline) -> None:
    picture = scene([(200, 100, 240)]).astype(np.float32)
    results = analyzed(pipeline, [(picture * max(0, 1 - n / 20)).astype(np.uint8) for n in range(30)])
    assert {tuple(numbers(result)) for result in results} == {(1,), ()}
    assert not results[-1].faces
    assert results[5].faces


def test_frames_without_faces_are_frames_too(pipeline: ExpressionPipeline) -> None:
    results = analyzed(pipeline, [np.full((120, 160, 3), 128, np.uint8)] * 5)
    assert [(result.index, result.faces) for result in results] == [(n, ()) for n in range(5)]


def test_detecting_in_every_frame_detects_every_face(pipeline: ExpressionPipeline) -> None:
    pictures = [scene([(100 + 2 * n, 120, 200)]) for n in range(8)]
    results = analyzed(pipeline, pictures, VideoSettings(detect_every=1))
    assert all(result.faces[0].detected for result in results)
    results = analyzed(pipeline, pictures, VideoSettings(detect_every=4))
    assert [result.faces[0].detected for result in results] == [True, False, False, False] * 2


def test_without_smoothing_the_scores_are_the_raw_ones(pipeline: ExpressionPipeline, pan: Path) -> None:
    raw = list(analyze_video(pan, pipeline=pipeline, settings=VideoSettings(smoothing_s=0, stride=4)))
    assert all(face.probabilities == face.raw_probabilities for result in raw for face in result.faces)
    smooth = list(analyze_video(pan, pipeline=pipeline, settings=VideoSettings(stride=4)))
    assert any(face.probabilities != face.raw_probabilities for result in smooth for face in result.faces)
    for result in smooth:
        assert sum(result.faces[0].probabilities.row) == pytest.approx(1, abs=1e-5)


def test_smoothing_is_the_closed_form_of_a_step() -> None:
    smoother, old, new = Smoother(0.3), np.array([1.0, 0.0]), np.array([0.0, 1.0])
    smoother.smoothed(1, old, 0.0)
    for time_s in (0.04, 0.1, 0.25):  # uneven steps
        mean = smoother.smoothed(1, new, time_s)
    assert mean == pytest.approx([np.exp(-0.25 / 0.3), 1 - np.exp(-0.25 / 0.3)])


def test_an_analyzer_goes_on_from_its_memory_as_if_it_had_never_stopped(pipeline: ExpressionPipeline) -> None:
    frames = [VideoFrame(n, n / 25, scene([(20 + 9 * n, 130, 180), (440 - 9 * n, 150, 180)])) for n in range(30)]
    whole = FrameAnalyzer(pipeline, VideoSettings())
    expected = [whole.analyze(frame) for frame in frames]
    first, second = FrameAnalyzer(pipeline, VideoSettings()), FrameAnalyzer(pipeline, VideoSettings())
    for frame in frames[:17]:
        first.analyze(frame)
    second.restore(json.loads(json.dumps(first.to_dict())))
    assert [second.analyze(frame) for frame in frames[17:]] == expected[17:]


def test_a_calm_scene_gets_few_passes_and_a_cut_one_at_once() -> None:
    schedule, calm = PassSchedule(max_gap_s=0.2), scene([(100, 100, 200)])
    passes = []
    for n in range(50):
        kind = schedule.decide(calm, n / 25)
        if kind is not DetectionPass.NONE:
            schedule.judge(1.0)
        passes.append(kind)
    assert len(passes) - passes.count(DetectionPass.NONE) < 16
    assert schedule.decide(calm // 4, 2.0) is DetectionPass.AFTER_CUT


def test_every_half_second_a_pass_is_full() -> None:
    schedule, calm = PassSchedule(), scene([(100, 100, 200)])
    full = []
    for n in range(100):
        kind = schedule.decide(calm, n / 25)
        schedule.judge(1.0)
        full += [n / 25] if kind is DetectionPass.FULL else []
    assert all(0.5 <= later - sooner <= 0.7 + 1e-6 for sooner, later in pairwise(full))
    assert len(full) >= 6


def test_a_scene_whose_motion_is_not_predicted_gets_a_pass_in_every_frame() -> None:
    schedule, calm = PassSchedule(), scene([(100, 100, 200)])
    for n in range(10):
        assert schedule.decide(calm, n / 25) is not DetectionPass.NONE
        schedule.judge(0.4)


def test_results_are_plain_numbers_in_json(pipeline: ExpressionPipeline, pan: Path) -> None:
    result = next(iter(analyze_video(pan, pipeline=pipeline)))
    record = json.loads(json.dumps(result.to_dict()))
    assert list(record) == ["frame", "timestamp_s", "damaged", "faces"]
    assert {"track_id", "box", "probabilities", "raw_probabilities", "detector_score"} <= set(record["faces"][0])
