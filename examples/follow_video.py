"""Follow the faces of a video: python examples/follow_video.py clip.mp4 [model.onnx]."""

import sys

import mien


def main() -> None:
    """Print a line whenever the expression of a face changes."""
    clip, *model = sys.argv[1:]
    last: dict[int | None, str] = {}
    for frame in mien.analyze_video(clip, pipeline=mien.load(*model, threads=1)):
        for face in frame.faces:
            # Smoothed over the track; face.raw_probabilities are of this frame alone.
            now = str(face.probabilities.top)
            if last.get(face.track_id) != now:
                print(f"{frame.timestamp_s:7.2f} s  face {face.track_id}  {now} {face.probability:.0%}")
                last[face.track_id] = now


if __name__ == "__main__":
    main()
