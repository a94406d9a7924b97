"""Our tracker beside those of the package `trackers`, on simulated people whose true numbers are known.

    pip install trackers            # in an environment of its own: it brings OpenCV with windows and more
    python experiments/tracking.py

Two people of similar appearance walk past each other, or meet and turn back, a hundred times each (``walks.py``). A
switch is a face whose number differs from the one that its person had before.
"""

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
from walks import Glance, meeting

from mien.video.tracking.tracker import Tracker

SEEDS = 100
#: From what the detector found to a number for each face, -1 for none.
Follow = Callable[[Glance], list[int]]


def ours() -> Follow:
    tracker = Tracker()
    return lambda glance: tracker.update(glance.faces, glance.crops, glance.time_s)


def theirs(kind: type[Any]) -> Callable[[], Follow]:
    """A tracker of the package for 25 frames/s, with a memory of about a second and tracks from the first frame on."""
    import supervision

    def make() -> Follow:
        tracker = kind(lost_track_buffer=30, frame_rate=25.0, minimum_consecutive_frames=1)

        def follow(glance: Glance) -> list[int]:
            boxes = [(f.box.left, f.box.top, f.box.right, f.box.bottom) for f in glance.faces]
            seen = supervision.Detections(
                xyxy=np.array(boxes, np.float32).reshape(-1, 4),
                confidence=np.array([f.score for f in glance.faces], np.float32),
                data={"place": np.arange(len(boxes))},
            )
            found = tracker.update(seen)
            # The package drops faces without a track, so numbers are matched by the place that travels along.
            numbers = dict(zip(found.data.get("place", ()), found.tracker_id, strict=True)) if len(found) else {}
            return [int(numbers.get(place, -1)) for place in range(len(boxes))]

        return follow

    return make


def judge(make: Callable[[], Follow], *, turn_back: bool) -> tuple[int, float, float, float]:
    """Meetings after which both have their first numbers; switches and unnumbered faces per meeting; ms per frame."""
    kept, switches, unnumbered, frames, seconds = 0, 0, 0, 0, 0.0
    for seed in range(SEEDS):
        follow, first, last = make(), dict[int, int](), dict[int, int]()
        for glance in meeting(seed, turn_back=turn_back):
            started = process_time()  # of the processor: other programs do not count
            numbers = follow(glance)
            seconds += process_time() - started
            frames += 1
            for who, number in zip(glance.people, numbers, strict=True):
                unnumbered += number < 0
                if number >= 0:
                    switches += last.get(who, number) != number
                    first.setdefault(who, number)
                    last[who] = number
        kept += first == last
    return kept, switches / SEEDS, unnumbered / SEEDS, seconds / frames * 1e3


def main() -> None:
    import trackers

    kinds = ("SORTTracker", "ByteTrackTracker", "OCSORTTracker")
    makers = {"mien": ours} | {kind: theirs(getattr(trackers, kind)) for kind in kinds}
    print("| tracker | people | kept of 100 | switches per meeting | faces without a number | ms per frame |")
    print("|---|---|---:|---:|---:|---:|")
    for name, make in makers.items():
        for turn_back, what in ((False, "walk past"), (True, "turn back")):
            kept, switches, unnumbered, ms = judge(make, turn_back=turn_back)
            print(f"| {name} | {what} | {kept} | {switches:.2f} | {unnumbered:.2f} | {ms:.2f} |", flush=True)


if __name__ == "__main__":
    main()
