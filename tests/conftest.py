"""What several test folders share: made data, and the real data where they lie beside the repository."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mien.data.dataset import FerDataset, open_dataset
from mien.data.prepare import prepare
from tests.made import write_fer_files

REPOSITORY = Path(__file__).parent.parent

# A busy machine is slow, which is no fault of a test; the same cases every time.
settings.register_profile("mien", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mien")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``make soak`` gives."""
    parser.addoption("--soak", action="store_true", help="long runs of the fuzz and kill tests, from random seeds")


#: Where torch is absent (its CPU build is to be had for one version of Python only) learning is not tested.
collect_ignore = (
    []
    if find_spec("torch")
    else [
        "training",
        "networks",
        "reporting",
        "evaluation",
        "docs",
        "cli/test_learning_commands.py",
        "cli/test_train_command.py",
        "data/test_augmentation.py",
        "test_public_api.py",
    ]
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from a second thread, and a busy machine loses much."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def fer_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fer2013.csv, fer2013new.csv and the label files, made. Not to be changed."""
    return write_fer_files(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def prepared(fer_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of made faces. Not to be changed."""
    out = tmp_path_factory.mktemp("prepared") / "data"
    prepare(fer_files / "fer2013.csv", fer_files / "fer2013new.csv", out=out, labels=fer_files)
    return out


@pytest.fixture(scope="session")
def made_dataset(prepared: Path) -> FerDataset:
    return open_dataset(prepared)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and photos; skips where it is not there."""
    folder = Path(os.environ.get("MIEN_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the real data are not at {folder}; set MIEN_SHARED to their folder")
    return folder / "data"


@pytest.fixture(scope="session")
def real_dataset(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> FerDataset:
    """FER2013 with FER+, prepared from the real files; skips where they are not there."""
    source = shared / "fer2013"
    out = tmp_path_factory.mktemp("real") / "data"
    return prepare(source / "fer2013.csv.xz", source / "fer2013new.csv", out=out, labels=source)
