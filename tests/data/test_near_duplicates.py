from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mien.data import near_duplicates
from mien.data.dataset import FerDataset
from mien.data.near_duplicates import count_across_splits, find_same_pictures
from tests.made import draw_face


def faces(count: int, seed: int, side: int = 48) -> np.ndarray:
    """Smooth random pictures: as different from each other as photos are."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 7, 7), dtype=np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) for image in small]
    return np.array(large)[..., None]


def dataset_of(images: np.ndarray, like: FerDataset) -> FerDataset:
    count = len(images)
    return replace(
        like,
        images=images,
        splits=np.arange(count, dtype=np.uint8) % 3,
        rows=np.arange(count, dtype=np.int32),
        emotions=np.zeros(count, np.uint8),
        votes=np.ones((count, 10), np.uint8),
        panel_votes=None,
    )


def changed(image: np.ndarray) -> np.ndarray:
    """The picture saved as a bad JPEG, a little brighter."""
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(np.clip(image[:, :, 0].astype(int) + 3, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))[..., None]


def test_equal_and_nearly_equal_pictures_are_found_and_no_others(made_dataset: FerDataset) -> None:
    images = faces(60, 1)
    images[40] = images[3]
    images[50] = changed(images[7])
    dataset = dataset_of(images, made_dataset)
    pairs = find_same_pictures(dataset)
    assert [(pair.first, pair.second) for pair in pairs] == [(3, 40), (7, 50)]
    assert pairs[0].distance == 0
    assert 0 < pairs[1].distance < 6
    assert count_across_splits(dataset, dataset, pairs) == {"train - validation": 1, "validation - test": 1}


def test_sets_of_different_sides_are_compared(made_dataset: FerDataset) -> None:
    one, other = faces(30, 2), faces(20, 3, side=96)
    other[4] = np.asarray(Image.fromarray(one[9, :, :, 0]).resize((96, 96), Image.Resampling.BICUBIC))[..., None]
    pairs = find_same_pictures(dataset_of(one, made_dataset), dataset_of(other, made_dataset))
    assert [(pair.first, pair.second) for pair in pairs] == [(9, 4)]


def test_blank_pictures_are_alike_and_no_duplicates(made_dataset: FerDataset) -> None:
    assert find_same_pictures(dataset_of(np.full((300, 48, 48, 1), 7, np.uint8), made_dataset)) == ()


def test_different_faces_of_one_expression_are_not_the_same_picture(made_dataset: FerDataset) -> None:
    rng = np.random.default_rng(0)
    images = np.array([draw_face(1, rng) for _ in range(2)])[..., None]
    images[1] = np.roll(images[1], 4, axis=1)
    assert find_same_pictures(dataset_of(images, made_dataset)) == ()


def test_bits_are_counted_alike_with_and_without_the_ufunc(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 1 << 63, (5, 7), dtype=np.uint64)
    expected = [[int(value).bit_count() for value in row] for row in values]
    assert near_duplicates._bit_counts(values).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert near_duplicates._bit_counts(values).tolist() == expected
