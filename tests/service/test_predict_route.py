"""``POST /v1/predict``: the library's results over HTTP, under concurrency, and the answers to what is wrong."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from mien.recognition.pipeline import ExpressionPipeline
from mien.service.schemas import PredictionSchema, ProblemSchema
from tests.photos import pasted
from tests.service.conftest import encoded

HOSTILE = {
    "markup.jpg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415),
    "page.jpg": (b"<!doctype html><script>alert(1)</script>", 415),
    "archive.jpg": (b"PK\x03\x04" + bytes(200), 415),
    "nothing.jpg": (b"", 415),
    "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415),
}


def send(client: httpx.Client, *pictures: tuple[str, bytes]) -> httpx.Response:
    return client.post("/v1/predict", files=[("files", picture) for picture in pictures])


def assert_same(record: dict[str, Any], expected: dict[str, Any]) -> None:
    """Equal in everything but the source, probabilities to 1e-5."""
    assert len(record["faces"]) == len(expected["faces"])
    assert (record["width"], record["height"]) == (expected["width"], expected["height"])
    for face, other in zip(record["faces"], expected["faces"], strict=True):
        assert face["box"] == pytest.approx(other["box"], abs=1e-3)
        assert face["expression"] == other["expression"]
        assert face["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_a_form_of_pictures_gives_the_librarys_results_in_order(
    client: httpx.Client, library: ExpressionPipeline, photo: bytes, group: bytes
) -> None:
    response = send(client, ("a.jpg", photo), ("b.jpg", group))
    assert response.status_code == 200
    PredictionSchema.model_validate(response.json())
    results = response.json()["results"]
    assert [result["source"] for result in results] == ["a.jpg", "b.jpg"]
    for result, content in zip(results, (photo, group), strict=True):
        assert_same(result, library.predict(content).to_dict())
        assert list(result) == list(library.predict(content).to_dict())


def test_a_raw_body_is_one_picture(client: httpx.Client, library: ExpressionPipeline, photo: bytes) -> None:
    response = client.post("/v1/predict", content=photo, headers={"content-type": "image/jpeg"})
    (result,) = response.json()["results"]
    assert_same(result, library.predict(photo).to_dict())


def test_a_picture_without_a_face_is_no_error(client: httpx.Client) -> None:
    gray = encoded(Image.new("RGB", (200, 100), "gray"), "PNG")
    response = send(client, ("none.png", gray))
    assert response.status_code == 200
    assert response.json()["results"][0]["faces"] == []


def test_many_clients_at_once_get_what_each_would_get_alone(
    client: httpx.Client, library: ExpressionPipeline, photo: bytes
) -> None:
    pictures = [photo]
    for count in (0, 1, 2, 3):
        places = [(60 + 300 * i, 80 + 40 * count) for i in range(count)]
        pictures.append(encoded(Image.fromarray(pasted(200 + 10 * count, places)), "PNG"))
    expected = [library.predict(picture).to_dict() for picture in pictures]
    bad = photo[: len(photo) // 2]
    order = np.random.default_rng(0).integers(0, len(pictures) + 1, 96).tolist()

    def one(kind: int) -> httpx.Response:
        return send(client, ("p", bad if kind == len(pictures) else pictures[kind]))

    with ThreadPoolExecutor(32) as pool:
        responses = list(pool.map(one, order))
    for kind, response in zip(order, responses, strict=True):
        if kind == len(pictures):
            assert response.status_code == 422
        else:
            assert_same(response.json()["results"][0], expected[kind])
    counts = client.get("/metrics").text
    batches = float(counts.split("mien_batch_faces_count ")[1].split()[0])
    faces = float(counts.split("mien_batch_faces_sum ")[1].split()[0])
    assert faces > batches  # some shared a batch


def test_a_bad_picture_among_good_ones_is_a_result_with_its_error(client: httpx.Client, photo: bytes) -> None:
    response = send(client, ("good.jpg", photo), ("bad.jpg", photo[:2000]), ("worse.jpg", b"no"), ("good.jpg", photo))
    assert response.status_code == 200
    good, bad, worse, again = response.json()["results"]
    assert good == again
    assert "bad.jpg: damaged picture" in bad["error"]
    assert worse == {"schema": 2, "source": "worse.jpg", "error": "worse.jpg: not a picture in a known format"}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_content_counts_and_not_the_name(client: httpx.Client, name: str) -> None:
    content, status = HOSTILE[name]
    response = send(client, (name, content))
    assert response.status_code == status
    ProblemSchema.model_validate(response.json())
    assert response.json()["error"] == "unsupported_media"


def test_a_cut_picture_is_unreadable(client: httpx.Client, photo: bytes) -> None:
    response = client.post("/v1/predict", content=photo[: len(photo) // 2])
    assert (response.status_code, response.json()["error"]) == (422, "unreadable_picture")


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_huge_picture_is_refused_before_it_is_decoded(client: httpx.Client, side: int) -> None:
    stream = BytesIO()
    Image.new("1", (side, side)).save(stream, "PNG")
    response = send(client, ("huge.png", stream.getvalue()))
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"file": ("a.jpg", b"x")}, "got the fields \\['file'\\]"),
        ({}, "the body is empty"),
    ],
)
def test_another_form_is_explained(client: httpx.Client, fields: Any, words: str) -> None:
    import re

    response = client.post("/v1/predict", files=fields)
    assert response.status_code == 400
    assert re.search(words, response.json()["detail"])


def test_a_damaged_form_is_a_bad_request(client: httpx.Client) -> None:
    for content, kind in [(b"junk", "multipart/form-data; boundary=x"), (b"--x\r\n", "multipart/form-data")]:
        response = client.post("/v1/predict", content=content, headers={"content-type": kind})
        assert (response.status_code, response.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\photos\\passwd", "/etc/passwd", "pass\x07wd"])
def test_names_lose_their_folders_and_are_never_opened(client: httpx.Client, photo: bytes, name: str) -> None:
    response = send(client, (name, photo))
    assert response.json()["results"][0]["source"] in {"passwd", "pass%07wd"}


def test_addresses_are_not_fetched(client: httpx.Client) -> None:
    response = client.post("/v1/predict", content=b"http://127.0.0.1/photo.jpg")
    assert response.status_code == 415


def test_other_addresses_and_methods_have_the_same_shape(client: httpx.Client) -> None:
    for method, path, status in [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/predict", 405),
        ("GET", "/static/../app.py", 404),
    ]:
        response = client.request(method, path)
        assert response.status_code == status
        ProblemSchema.model_validate(response.json())
