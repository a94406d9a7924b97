"""Motion, assignment and tracks against independent truths, and how often two crossing faces are mixed up."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import linear_sum_assignment
from walks import face_at, meeting

from mien.geometry import FloatArray
from mien.video.tracking.assignment import FORBIDDEN, assign
from mien.video.tracking.motion import Motion
from mien.video.tracking.tracker import Tracker, appearance_of, likeness


def crop_of(seed: int) -> FloatArray:
    return np.random.default_rng(seed).random((48, 48)).astype(np.float32)


@given(
    arrays.arrays(np.float64, st.tuples(st.integers(0, 7), st.integers(0, 7)), elements=st.integers(0, 50).map(float))
)
def test_the_assignment_costs_what_scipys_does(costs: np.ndarray) -> None:
    rows, columns = linear_sum_assignment(costs)
    pairs = assign(costs)
    assert len(pairs) == min(costs.shape)
    assert sum(costs[pair] for pair in pairs) == pytest.approx(float(costs[rows, columns].sum()))
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


def test_forbidden_pairs_are_left_out() -> None:
    assert assign(np.array([[FORBIDDEN, 1.0], [FORBIDDEN, 2.0]])) == [(0, 1)]


def test_a_filter_step_is_the_textbooks() -> None:
    """Against the matrix form of Kalman's equations on the state (x, vx)."""
    motion = Motion.start(face_at(100).box, 0.0)
    state, spread = np.array([100.0, 0.0]), np.diag([(0.03 * 60) ** 2, (2.0 * 60) ** 2])
    for step, x in enumerate((103.0, 108.0, 111.0), start=1):
        dt, sigma = 0.04, 8.0 * motion.size
        move = np.array([[1, dt], [0, 1]])
        push = np.array([[dt**2 / 2], [dt]]) * sigma
        state, spread = move @ state, move @ spread @ move.T + push @ push.T
        innovation = spread[0, 0] + (0.03 * 60) ** 2
        gain = spread[:, 0] / innovation
        state = state + gain * (x - state[0])
        spread = spread - np.outer(gain, spread[0])
        motion = motion.updated(face_at(x).box, 0.04 * step)
        assert [motion.place[0], motion.speed[0]] == pytest.approx(state)
        assert motion.spread[0] == pytest.approx(spread)


def test_a_steady_motion_is_expected_where_it_goes() -> None:
    tracker = Tracker()
    for step in range(15):
        tracker.update([face_at(100 + 5 * step)], [crop_of(0)], step * 0.04)
    ((track_id, expected),) = tracker.expected(0.04 * 19)
    assert track_id == 1
    assert expected.box.center[0] == pytest.approx(195, abs=2)


def test_numbers_are_given_from_left_to_right_and_never_again() -> None:
    tracker = Tracker(max_lost_s=0.5)
    assert tracker.update([face_at(100), face_at(300)], [crop_of(1), crop_of(2)], 0.0) == [1, 2]
    assert tracker.update([face_at(302)], [crop_of(2)], 0.1) == [2]
    assert tracker.update([face_at(101), face_at(303)], [crop_of(1), crop_of(2)], 0.2) == [1, 2]
    assert tracker.update([], [], 0.3) == []
    assert tracker.update([face_at(303)], [crop_of(2)], 1.3) == [3]


def test_a_face_that_is_hidden_for_a_moment_keeps_its_number() -> None:
    tracker = Tracker()
    for step in range(10):
        tracker.update([face_at(100 + 6 * step)], [crop_of(0)], step * 0.04)
    for step in range(10, 22):  # half a second behind a pillar
        tracker.update([], [], step * 0.04)
        assert tracker.expected(step * 0.04) == []
    assert tracker.update([face_at(100 + 6 * 22)], [crop_of(0)], 22 * 0.04) == [1]


def test_a_face_in_frames_far_apart_keeps_its_number_until_a_pass_misses_it() -> None:
    tracker = Tracker(max_lost_s=1.0)
    for step in range(5):
        assert tracker.update([face_at(100 + step)], [crop_of(0)], step * 5.0) == [1]
    assert tracker.update([], [], 25.0) == []
    assert tracker.update([face_at(105)], [crop_of(0)], 30.0) == [2]


def test_another_face_near_a_followed_one_is_not_taken_for_it() -> None:
    tracker = Tracker()
    for step in range(5):
        tracker.update([face_at(100)], [crop_of(1)], step * 0.04)
    assert tracker.update([face_at(130)], [crop_of(2)], 0.2) == [2]
    assert tracker.update([face_at(130)], [crop_of(2)], 0.24) == [2]


def test_after_a_cut_only_the_same_appearance_at_the_same_place_continues() -> None:
    tracker = Tracker()
    tracker.update([face_at(100), face_at(300)], [crop_of(1), crop_of(2)], 0.0)
    assert tracker.update([face_at(100), face_at(300)], [crop_of(3), crop_of(2)], 0.04, after_cut=True) == [3, 2]


def test_the_memory_of_a_tracker_survives_json_exactly() -> None:
    tracker, copy = Tracker(), Tracker()
    for step in range(5):
        tracker.update([face_at(100 + step), face_at(200)], [crop_of(1), crop_of(2)], step / 25)
    copy.restore(json.loads(json.dumps(tracker.to_dict())))
    assert copy.to_dict() == tracker.to_dict()
    assert copy.expected(0.3) == tracker.expected(0.3)


def test_an_appearance_does_not_change_with_light_and_contrast() -> None:
    crop = crop_of(5)
    assert likeness(appearance_of(crop), appearance_of(crop * 0.5 + 0.2)) == pytest.approx(1)
    assert abs(likeness(appearance_of(crop), appearance_of(crop_of(6)))) < 0.3


def meeting_is_kept(seed: int, *, turn_back: bool) -> bool:
    """Whether both people have the numbers at the end that they had at the beginning."""
    tracker, first, last = Tracker(), dict[int, int](), dict[int, int]()
    for glance in meeting(seed, turn_back=turn_back):
        ids = tracker.update(glance.faces, glance.crops, glance.time_s)
        for who, track_id in zip(glance.people, ids, strict=True):
            first.setdefault(who, track_id)
            last[who] = track_id
    return first == last and first[0] != first[1]


@pytest.mark.parametrize(("turn_back", "least"), [(False, 100), (True, 99)])
def test_meeting_faces_keep_their_numbers_as_often_as_stated(turn_back: bool, least: int) -> None:
    assert sum(meeting_is_kept(seed, turn_back=turn_back) for seed in range(100)) >= least
