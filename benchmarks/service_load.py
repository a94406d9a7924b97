"""Load on a server of its own, on the loopback: python benchmarks/service_load.py [--requests 10000] [--clients 64].

Every answer is compared with the library's. With --rates three are measured, each for --seconds: the library over a
list, one request at a time, and many clients at once. With --replicas 2 the clients share two servers, as behind a load
balancer; --flags "--workers 2" are two processes behind one port. All clients have one address, so that one client may
hold all slots here. It stops by itself.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mien.recognition.pipeline import ExpressionPipeline, load

HOST = "127.0.0.1"
Servers = list["subprocess.Popen[bytes]"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, the request that sends it, and the answer that it must get."""

    content: bytes
    status: int
    result: dict[str, Any] | None

    @property
    def request(self) -> bytes:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(self.content)}\r\n\r\n"
        return head.encode() + self.content


@dataclass(slots=True)
class Tally:
    """What the clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    times_s: list[float] = field(default_factory=list)

    def add(self, sample: Sample, status: int, body: bytes, elapsed_s: float) -> None:
        self.statuses[status] += 1
        self.times_s.append(elapsed_s)
        if status not in {429, 503}:
            self.wrong += status != sample.status or not _agrees(sample, body)


def samples(pipeline: ExpressionPipeline) -> list[Sample]:
    """Portraits of two sizes, a group, an empty picture, a cut one and one that is none: 7 good for 2 bad."""
    from skimage import data

    portrait = Image.fromarray(data.astronaut())
    head, group = portrait.crop((115, 10, 335, 230)), Image.new("RGB", (960, 720), (118, 122, 125))
    for place in ((60, 60), (380, 250), (680, 460)):
        group.paste(head, place)
    pictures = [portrait, head, portrait.resize((640, 640)), group, head.resize((160, 160)), portrait, head]
    contents = [_jpeg(picture) for picture in pictures]
    made = [Sample(content, 200, pipeline.predict(content).to_dict()) for content in contents]
    return [*made, Sample(contents[0][: len(contents[0]) // 2], 422, None), Sample(b"not a picture", 415, None)]


def _jpeg(picture: Image.Image) -> bytes:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _agrees(sample: Sample, body: bytes) -> bool:
    if sample.result is None:
        return set(json.loads(body)) == {"error", "detail", "hint"}
    (given,) = json.loads(body)["results"]
    faces = zip(given["faces"], sample.result["faces"], strict=False)
    return len(given["faces"]) == len(sample.result["faces"]) and all(
        np.allclose(list(face["probabilities"].values()), list(other["probabilities"].values()), rtol=0, atol=1e-5)
        and np.allclose(list(face["box"].values()), list(other["box"].values()), rtol=0, atol=1e-3)
        for face, other in faces
    )


async def one_client(port: int, work: "asyncio.Queue[Sample]", tally: Tally, until: float) -> None:
    """Send one request after the other on one connection, until the work or the time is up."""
    reader, writer = await asyncio.open_connection(HOST, port)
    while not work.empty() and time.perf_counter() < until:
        sample = work.get_nowait()
        start = time.perf_counter()
        writer.write(sample.request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        tally.add(sample, int(head.split()[1]), body, time.perf_counter() - start)
    writer.close()


async def load_servers(
    ports: list[int], made: list[Sample], clients: int, requests: int, seconds: float
) -> tuple[Tally, float]:
    """What ``clients`` at once saw, each at one of the servers, and the requests answered a second."""
    work: asyncio.Queue[Sample] = asyncio.Queue()
    for sample in islice(cycle(made), requests):
        work.put_nowait(sample)
    tally, start = Tally(), time.perf_counter()
    await asyncio.gather(*(one_client(port, work, tally, start + seconds) for port in islice(cycle(ports), clients)))
    return tally, len(tally.times_s) / (time.perf_counter() - start)


def library_rate(pipeline: ExpressionPipeline, made: list[Sample], seconds: float) -> float:
    """Pictures a second of the library over a list, bad ones included."""
    done, start = 0, time.perf_counter()
    contents = [sample.content for sample in made]
    while time.perf_counter() - start < seconds:
        done += sum(1 for _ in pipeline.stream(BytesIO(content) for content in contents))
    return done / (time.perf_counter() - start)


def family(pid: int) -> list[int]:
    """A process with its children and theirs: servers decode pictures in processes of their own."""
    children = [
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]
    return [pid, *(each for child in children for each in family(child))]


def resident_mib(servers: Servers) -> float:
    """Memory of all processes of the servers."""
    pids = [pid for process in servers for pid in family(process.pid)]
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def processor_s(servers: Servers) -> float:
    """Time that all processes of the servers have used of all cores."""
    pids = [pid for process in servers for pid in family(process.pid)]
    fields = [Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


async def watch_memory(servers: Servers, seen: list[float]) -> None:
    while True:
        seen.append(resident_mib(servers))
        await asyncio.sleep(1)


async def measure(options: argparse.Namespace, servers: Servers, ports: list[int]) -> bool:
    """Print the figures; whether all answers were right."""
    pipeline = load(options.model)
    made = samples(pipeline)
    await load_servers(ports, made, 4, 40, 30)  # warm
    batch = library_rate(pipeline, made, options.seconds) if options.rates else 0.0
    single = (await load_servers(ports, made, 1, 10**5, options.seconds))[1] if options.rates else 0.0
    memory: list[float] = []
    watching = asyncio.create_task(watch_memory(servers, memory))
    used_s, client_s = processor_s(servers), time.process_time()
    limit_s = options.seconds if options.rates else 3600
    tally, rate = await load_servers(ports, made, options.clients, options.requests, limit_s)
    watching.cancel()
    used_ms = (processor_s(servers) - used_s) * 1000 / len(tally.times_s)
    client_ms = (time.process_time() - client_s) * 1000 / len(tally.times_s)
    p50, p95, p99 = np.percentile(np.array(tally.times_s) * 1000, [50, 95, 99])
    print(f"{options.clients} clients: {len(tally.times_s)} requests, {tally.wrong} wrong, {dict(tally.statuses)}")
    print(f"{rate:.1f} requests/s; p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    print(f"processor: {used_ms:.1f} ms a request in the server, {client_ms:.1f} in the clients")
    if options.rates:
        print(f"one at a time {single:.1f}/s ({rate / single:.2f} times); library {batch:.1f}/s ({rate / batch:.0%})")
    first, last = np.median(memory[55:65] or memory[-1:]), np.median(memory[-10:])
    print(f"memory: {first:.0f} MiB after a minute, {last:.0f} at the end ({last / first - 1:+.1%})")
    print("each half minute: " + ", ".join(f"{np.median(memory[at : at + 5]):.0f}" for at in range(0, len(memory), 30)))
    unexpected = [status for status in tally.statuses if status >= 500 and status != 503]
    return not tally.wrong and not unexpected


def free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


@contextmanager
def server(options: argparse.Namespace, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that listens; it is stopped at the end."""
    command = [sys.executable, "-m", "mien", "serve", "--port", str(port), "--model", options.model]
    command += ["--client-share", "1", *options.flags.split()]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with socket.socket() as asked:
                    if asked.connect_ex((HOST, port)) == 0:
                        break
                time.sleep(0.1)
            yield process
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=12, help="for each rate")
    parser.add_argument("--rates", action="store_true", help="compare rates instead of sending all requests")
    parser.add_argument("--model", default="default")
    parser.add_argument("--replicas", type=int, default=1, help="servers that share the clients")
    parser.add_argument("--flags", default="", help="more flags of mien serve")
    options = parser.parse_args()
    with ExitStack() as stack:
        ports = [free_port() for _ in range(options.replicas)]
        servers = [stack.enter_context(server(options, port)) for port in ports]
        right = asyncio.run(measure(options, servers, ports))
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
