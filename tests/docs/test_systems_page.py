"""The page about systems names tests that exist."""

import re

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "how-to" / "systems.md").read_text(encoding="utf-8")


def test_every_row_names_the_test_behind_it_or_says_the_same() -> None:
    table = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(table) >= 8
    for line in table:
        cell = line.strip("| ").rpartition(" | ")[2]
        assert cell == "the same" or re.search(r"`tests/\S+\.py`", cell), line


def test_the_tests_and_options_that_are_named_exist() -> None:
    for file in re.findall(r"`(tests/\S+\.py)`", PAGE):
        assert (REPOSITORY / file).is_file(), file
    assert "--jobs-folder" in PAGE  # the name that `mien serve` knows
    assert "--jobs-dir" not in PAGE
