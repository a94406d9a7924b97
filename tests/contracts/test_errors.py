"""Every error of ours: buildable from one string, a builtin's subclass, with an exit code, whole after pickling."""

import builtins
import pickle

import pytest

from mien import errors
from mien.errors import MienError, missing_extra


def all_subclasses(kind: type[MienError]) -> list[type[MienError]]:
    return [each for child in kind.__subclasses__() for each in (child, *all_subclasses(child))]


LEAVES = all_subclasses(MienError)


def test_there_are_errors_and_all_live_in_one_module() -> None:
    assert len(LEAVES) >= 14
    assert {leaf.__module__ for leaf in LEAVES} == {"mien.errors"}


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_error_is_built_from_one_string_and_survives_a_process(leaf: type[MienError]) -> None:
    error = leaf("what came")
    assert str(error) == "what came"
    assert error.hint is None
    assert not hasattr(error, "message")
    copy = pickle.loads(pickle.dumps(leaf("what came", hint="what to do")))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), copy.hint) == (leaf, "what came", "what to do")


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_error_is_also_a_builtin_one_and_has_an_exit_code(leaf: type[MienError]) -> None:
    natives = [base for base in leaf.__mro__ if base.__module__ == "builtins"]
    assert [n for n in natives if n not in {Exception, BaseException, object}]
    assert all(hasattr(builtins, native.__name__) for native in natives)
    assert 2 <= leaf.exit_code <= 6


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_error_stands_in_the_tree_with_its_code(leaf: type[MienError]) -> None:
    (line,) = [line for line in (errors.__doc__ or "").splitlines() if f" {leaf.__name__} " in line]
    assert f"exit {leaf.exit_code}" in line


def test_an_absent_package_names_its_extra() -> None:
    assert missing_extra("torch", "train").hint == "pip install 'mien[train]'"
