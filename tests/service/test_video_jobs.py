"""Real videos as jobs: the library's results, files that lie, limits, a killed server, nothing written elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from mien.recognition.pipeline import ExpressionPipeline
from mien.service.schemas import ModelSchema
from mien.video.analyzer import FrameAnalyzer
from mien.video.outputs import VideoOutputs
from mien.video.record import record_video
from mien.video.settings import VideoSettings
from mien.video.sources.files import VideoFile
from tests.service.jobs import submit, wait
from tests.service.servers import Server, running
from tests.videos import scene, write_video

RESULTS = ["annotated.mp4", "report.html", "rows.csv", "summary.json", "timeline.json", "timeline.png"]
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n"
LIES = {
    "playlist.m3u8": PLAYLIST,
    "address.m3u8": PLAYLIST.replace("{0}", "file://{0}"),
    "list.ffconcat": "ffconcat version 1.0\nfile {0}\n",
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n",
    "manifest.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1"><BaseURL>{0}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "notes.mp4": "{0} is no video\n",
}


@pytest.fixture(scope="module")
def reading(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reading")
    with running(folder, model, "--jobs-folder", str(folder / "jobs")) as server:
        yield server


def long_video(path: Path) -> bytes:
    """Some seconds of work."""
    pictures = [scene([(10 + 8 * n, 60, 110)], (320, 240)) for n in range(20)]
    return write_video(path, (pictures[n % 20] for n in range(200))).read_bytes()


def jobs_folder(server: Server) -> Path:
    return server.log.parent / "jobs"


def test_a_video_gives_what_the_library_gives(
    reading: Server, crowd: Path, library: ExpressionPipeline, tmp_path: Path
) -> None:
    job = submit(reading, crowd.read_bytes(), "holiday <1>.mp4")
    record = wait(job, "done")
    assert record["files"] == RESULTS
    for name in RESULTS:
        (tmp_path / name).write_bytes(httpx.get(f"{job}/files/{name}").content)
    analyzer = FrameAnalyzer(library, VideoSettings())
    own = record_video(VideoFile(crowd), analyzer, VideoOutputs(table=tmp_path / "own.csv"))
    assert len(own.tracks) == 4
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "own.csv").read_bytes()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["name"], summary["frames"], summary["seconds"]) == ("holiday <1>.mp4", own.frames, own.end_s)
    assert summary["tracks"] == [track.to_dict() for track in own.tracks]
    with av.open(str(tmp_path / "annotated.mp4")) as drawn:
        assert [stream.codec_context.name for stream in drawn.streams] == ["h264", "aac"]
        assert sum(1 for _ in drawn.decode(video=0)) == own.frames
    assert "Expressions in holiday &lt;1&gt;.mp4" in (tmp_path / "report.html").read_text()


def test_a_video_is_read_with_the_options_of_its_request(
    reading: Server, clip: Path, library: ExpressionPipeline, tmp_path: Path
) -> None:
    params: dict[str, Any] = {"name": "clip.mp4", "decision": "argmax", "min_confidence": 0.999}
    response = httpx.post(f"{reading.url}/v1/video", params=params, content=clip.read_bytes())
    record = wait(f"{reading.url}{response.headers['location']}", "done")
    assert record["options"] == "decision=argmax&min_confidence=0.999"
    rows = httpx.get(f"{reading.url}{response.headers['location']}/files/rows.csv").text.splitlines()
    named = [row.split(",")[rows[0].split(",").index("expression")] for row in rows[1:]]
    assert set(named) == {""}
    refused = httpx.post(f"{reading.url}/v1/video", params={"prior": "jobs.json"}, content=clip.read_bytes())
    assert refused.status_code == 400


def test_the_timeline_is_small_and_holds_mean_probabilities(reading: Server, clip: Path) -> None:
    job = submit(reading, clip.read_bytes())
    wait(job, "done")
    timeline = httpx.get(f"{job}/files/timeline.json").json()
    (track,) = timeline["tracks"]
    rows = [row for row in track["probabilities"] if row]
    assert len(track["probabilities"]) == int(timeline["seconds"] / timeline["bin_s"]) + 1
    assert all(sum(row) == pytest.approx(1, abs=0.01) for row in rows)
    assert {len(row) for row in rows} == {len(timeline["labels"])}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_names_others_fails_and_nothing_else_is_opened(reading: Server, name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    os.mkfifo(secret)  # whoever opens it waits for ever
    record = wait(submit(reading, LIES[name].format(secret).encode(), name), "failed")
    assert record["files"] == []
    assert f"{name}: cannot be read as a video" in str(record["error"])
    assert "expected one of the formats mov," in str(record["error"])
    assert str(reading.log.parent) not in str(record["error"])


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--max-pixels", "1000"], "640 × 480 pixels"), (["--max-video-s", "0.01"], "not read within 0.01 s")],
)
def test_a_video_beyond_the_limits_fails(model: Path, tmp_path: Path, clip: Path, flags: list[str], words: str) -> None:
    with running(tmp_path, model, "--jobs-folder", str(tmp_path / "jobs"), *flags) as server:
        record = wait(submit(server, clip.read_bytes()), "failed")
        assert words in str(record["error"])
        assert not list((tmp_path / "jobs").rglob("*.csv"))


def test_a_canceled_video_leaves_nothing_and_the_next_is_read(reading: Server, clip: Path, tmp_path: Path) -> None:
    job = submit(reading, long_video(tmp_path / "long.mp4"))
    wait(job, "running", at_least=0.05)
    httpx.delete(job)
    wait(submit(reading, clip.read_bytes()), "done")
    left = {path.name for path in (jobs_folder(reading) / job.rsplit("/", 1)[1]).iterdir()}
    assert left == {"job.json", "lock", "canceled"}
    assert "Traceback" not in reading.log.read_text()


def processes_of(server: Server) -> set[int]:
    """The processes that a server has started."""
    places = Path("/proc").glob("[0-9]*/stat")
    parents = {}
    for place in places:
        with suppress(OSError):
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
    return {child for child, parent in parents.items() if parent == server.process.pid}


def test_a_decoder_that_crashes_costs_its_video_and_nothing_else(reading: Server, clip: Path, tmp_path: Path) -> None:
    before = processes_of(reading)
    job = submit(reading, long_video(tmp_path / "long.mp4"), "long.mp4")
    wait(job, "running", at_least=0.05)
    (reader,) = processes_of(reading) - before
    os.kill(reader, signal.SIGSEGV)
    record = wait(job, "failed")
    assert record["error"] == "long.mp4: damaged video, its decoder crashed"
    assert wait(submit(reading, clip.read_bytes()), "done")["files"] == RESULTS
    assert processes_of(reading) == before
    assert "Traceback" not in reading.log.read_text()


def test_the_process_of_a_video_ends_with_its_server(model: Path, tmp_path: Path) -> None:
    with running(tmp_path, model, "--jobs-folder", str(tmp_path / "jobs")) as server:
        before = processes_of(server)
        wait(submit(server, long_video(tmp_path / "long.mp4")), "running", at_least=0.05)
        (reader,) = processes_of(server) - before
        server.stop(signal.SIGKILL)
    for _ in range(600):
        if not Path(f"/proc/{reader}").exists():
            return
        time.sleep(0.05)
    raise AssertionError("it goes on")


@pytest.mark.slow
@pytest.mark.parametrize(("end", "attempts"), [(signal.SIGKILL, 2), (signal.SIGTERM, 1)])
def test_a_server_that_ends_leaves_the_video_to_the_next(
    model: Path, tmp_path: Path, library: ExpressionPipeline, end: int, attempts: int
) -> None:
    content, flags = long_video(tmp_path / "long.mp4"), ("--jobs-folder", str(tmp_path / "jobs"))
    with running(tmp_path, model, *flags) as first:
        job = submit(first, content)
        wait(job, "running", at_least=0.1)
        code = first.stop(end)
    assert code == -end if end == signal.SIGKILL else "Traceback" not in first.log.read_text()
    with running(tmp_path, model, *flags) as second:
        again = job.replace(first.url, second.url)
        record = wait(again, "done")
        assert (record["attempts"], record["files"]) == (attempts, RESULTS)
        (tmp_path / "rows.csv").write_bytes(httpx.get(f"{again}/files/rows.csv").content)
    analyzer = FrameAnalyzer(library, VideoSettings())
    record_video(VideoFile(tmp_path / "long.mp4"), analyzer, VideoOutputs(table=tmp_path / "own.csv"))
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "own.csv").read_bytes()


@pytest.mark.slow
def test_several_processes_share_the_folder(model: Path, tmp_path: Path, clip: Path) -> None:
    with running(tmp_path, model, "--jobs-folder", str(tmp_path / "jobs"), "--workers", "2") as server:
        jobs = [submit(server, clip.read_bytes()) for _ in range(3)]
        assert [wait(job, "done")["attempts"] for job in jobs] == [1, 1, 1]


def test_nothing_is_written_outside_the_folder(model: Path, tmp_path: Path, clip: Path, photo: bytes) -> None:
    places = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}
    for place in places.values():
        (tmp_path / place).mkdir()
    environment: dict[str, Any] = {name: str(tmp_path / place) for name, place in places.items()}
    with running(tmp_path, model, "--jobs-folder", str(tmp_path / "jobs"), **environment) as server:
        assert wait(submit(server, clip.read_bytes()), "done")["files"] == RESULTS
        assert httpx.post(f"{server.url}/v1/predict", content=photo).status_code == 200
        written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in written} == {"jobs", server.log.name}


def without(*lines: str) -> tuple[str, str]:
    """The server where something is absent."""
    lines = (
        *lines,
        "import sys",
        "from mien.service.server import serve; from mien.service.settings import read_settings",
        "serve(read_settings(sys.argv[1:]))",
    )
    return "-c", "\n".join(lines)


def test_without_pyav_the_answer_says_what_to_install(model: Path, tmp_path: Path) -> None:
    program = without("import sys; sys.modules['av'] = None")
    with running(tmp_path, model, "--jobs-folder", str(tmp_path / "jobs"), program=program) as server:
        refused = httpx.post(f"{server.url}/v1/video", content=b"x")
        assert (refused.status_code, refused.json()["error"]) == (404, "not_offered")
        assert "pip install 'mien[video]'" in refused.json()["hint"]
        assert limits(server)["videos"] is None
        assert "no videos are accepted: PyAV is not installed" in server.log.read_text()


def test_where_the_system_tells_neither_cores_nor_locks_pictures_are_read(
    model: Path, tmp_path: Path, photo: bytes
) -> None:
    program = without(
        "import os, sys; del os.sched_getaffinity; os.process_cpu_count = os.cpu_count; sys.modules['fcntl'] = None"
    )
    with running(tmp_path, model, program=program, MIEN_CONCURRENCY="0") as server:
        assert httpx.post(f"{server.url}/v1/predict", content=photo).status_code == 200
        assert httpx.post(f"{server.url}/v1/video", content=b"x").status_code == 404
    code = (
        "import sys; sys.modules['fcntl'] = None; from mien.cli import main; main(['serve', '--jobs-folder', 'jobs'])"
    )
    command = [sys.executable, "-c", code]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert refused.returncode == 2
    assert "videos need file locks, which this system does not have (POSIX only)" in refused.stderr


def test_the_limits_say_whether_videos_are_taken(reading: Server, server: Server) -> None:
    assert limits(reading)["videos"] == {"max_video_bytes": 500 * 2**20, "max_video_s": 3600, "keep_jobs_s": 86400}
    assert limits(server)["videos"] is None
    assert "--jobs-folder" in httpx.post(f"{server.url}/v1/video", content=b"x").json()["hint"]


def limits(server: Server) -> dict[str, Any]:
    record = httpx.get(f"{server.url}/v1/model").json()
    ModelSchema.model_validate(record)
    return dict(record["limits"])
