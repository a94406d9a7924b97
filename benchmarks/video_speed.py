"""Speed and memory of reading videos: python benchmarks/video_speed.py [speed] [stages] [memory] [--model FILE].

``speed``: frames per second of 720p videos with 1, 4 and 16 faces, from the file to the last result, against the plain
loop (the Haar cascade on every frame, one call of the same network for each face), alternating in the same run; in wall
time and in processor time, which a busy machine changes little. ``stages``: time of each stage, with the annotated
video. ``memory``: the peak of ``mien video`` with table and annotated video on a minute and on an hour.

The videos are made from scikit-image's public-domain portrait; heads drift, as people before a camera do.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from time import perf_counter, process_time

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.detection.registry import build_detector
from mien.recognition.pipeline import ExpressionPipeline, load
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import record_video
from mien.video.run import analyze_video
from mien.video.settings import VideoSettings
from mien.video.sources.files import VideoFile

Picture = npt.NDArray[np.uint8]
HD = (1280, 720)
#: Side of a head in pixels by number of heads; the face takes half of it.
HEADS = {1: 520, 4: 330, 16: 175}
ROUNDS = 3
FRAMES, PLAIN_FRAMES = 150, 25


@cache
def head_of(side: int) -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut()).crop((115, 10, 335, 230)).resize((side, side), Image.Resampling.BILINEAR)


def crowd(count: int, number: int, size: tuple[int, int], side: int) -> Picture:
    """Frame ``number``: heads on a grid, each drifting on its own circle."""
    head = head_of(side)
    canvas = Image.new("RGB", size, (118, 122, 125))
    columns = {1: 1, 4: 2, 16: 6}[count]
    rows = -(-count // columns)
    for place in range(count):
        x, y = size[0] * (place % columns + 0.5) / columns, size[1] * (place // columns + 0.5) / rows
        turn = number / 40 + place
        reach = side * 0.08
        canvas.paste(head, (round(x - side / 2 + reach * np.cos(turn)), round(y - side / 2 + reach * np.sin(turn))))
    return np.asarray(canvas)


def write(path: Path, pictures: Iterator[Picture], fps: int) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps)
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
                stream.options = {"preset": "ultrafast", "crf": "20"}
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def plain_loop(path: Path, pipeline: ExpressionPipeline, frames: int) -> tuple[int, int]:
    """The loop that one would write first; returns (frames, faces)."""
    count = faces = 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            image = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            for face in pipeline.detector.detect(image):
                pipeline.recognizer.predict_proba(pipeline.crop(image, face)[None])
                faces += 1
            count += 1
            if count == frames:
                break
    return count, faces


def ours(path: Path, pipeline: ExpressionPipeline) -> tuple[int, int]:
    results = [len(result.faces) for result in analyze_video(path, pipeline=pipeline)]
    return len(results), sum(results)


def rates(work: Callable[[], tuple[int, int]]) -> tuple[float, float, float]:
    """Frames per second of wall time and of processor time, and faces per frame."""
    clock, processor = perf_counter(), process_time()
    frames, faces = work()
    return frames / (perf_counter() - clock), frames / (process_time() - processor), faces / frames


def speed(folder: Path, model: str) -> None:
    import cv2

    cv2.setNumThreads(1)  # one thread on both sides
    reading = load(model, threads=1)
    plain = ExpressionPipeline(build_detector("haar"), reading.recognizer)
    print(
        "720p | faces found per frame | frames/s | frames/s of processor time | plain loop | ratio | ratio by processor"
    )
    for count, side in HEADS.items():
        path = write(folder / f"{count}.mp4", (crowd(count, n, HD, side) for n in range(FRAMES)), 30)
        # Alternating, so that a busy phase of the machine hits both.
        turns = [
            (rates(lambda: ours(path, reading)), rates(lambda: plain_loop(path, plain, PLAIN_FRAMES)))  # noqa: B023
            for _ in range(ROUNDS)
        ]
        mine, other = (np.median(side, axis=0) for side in zip(*turns, strict=True))
        print(
            f"{count:>2} faces | {mine[2]:.1f} (plain {other[2]:.1f}) | {mine[0]:.1f} | {mine[1]:.1f} | "
            f"{other[0]:.1f}, {other[1]:.1f} | {mine[0] / other[0]:.1f} | {mine[1] / other[1]:.1f}"
        )


def stages(folder: Path, model: str) -> None:
    for count, side in HEADS.items():
        path = write(folder / f"{count}.mp4", (crowd(count, n, HD, side) for n in range(FRAMES)), 30)
        analyzer = FrameAnalyzer(load(model, threads=1), VideoSettings())
        outputs = VideoOutputs(folder / "t.csv", folder / "annotated.mp4")
        clock, processor, _ = rates(lambda: (record_video(VideoFile(path), analyzer, outputs).frames, 0))  # noqa: B023
        print(f"{count} faces, with table and annotated video: {clock:.1f} frames/s, {processor:.1f} of processor time")
        print("\n".join(f"  {line}" for line in analyzer.clock.lines(FRAMES)))


def memory(folder: Path, model: str) -> None:
    size, fps = (320, 240), 2
    peaks = {}
    for name, seconds in (("a minute", 60), ("an hour", 3600)):
        pictures = (crowd(1, n, size, 170) for n in range(seconds * fps))
        path = write(folder / f"{seconds}.mp4", pictures, fps)
        command = ["video", str(path), "--out", str(folder / "t.parquet"), "--save", str(folder / "d.mp4"), "--quiet"]
        # A process of its own, whose peak is that of this command alone.
        code = f"""
import resource
from mien.cli.app import app
app(args={[*command, "--model", model]!r}, standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
        start = perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        peaks[name] = float(done.stdout.split()[-1])
        print(f"{name} ({seconds * fps} frames): peak {peaks[name]:.0f} MB in {perf_counter() - start:.0f} s")
    print(f"an hour / a minute: {peaks['an hour'] / peaks['a minute']:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["speed", "stages"])
    parser.add_argument("--model", default="default")
    parser.add_argument("--faces", type=int, choices=HEADS, help="Only the video with so many.")
    given = parser.parse_args()
    for count in set(HEADS) - {given.faces or count for count in HEADS}:
        del HEADS[count]
    with tempfile.TemporaryDirectory() as folder:
        for name in given.what:
            {"speed": speed, "stages": stages, "memory": memory}[name](Path(folder), given.model)


if __name__ == "__main__":
    main()
