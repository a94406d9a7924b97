"""Every error has a status code, and those that a client cannot help say nothing of the inside."""

import pytest

from mien import errors
from mien.errors import MienError
from mien.service.http.errors import STATUS_CODES, error_response, status_and_body
from tests.contracts.test_errors import LEAVES

CODES = {400, 401, 404, 413, 415, 422, 429, 500, 503}


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_error_has_a_code_of_the_table(leaf: type[MienError]) -> None:
    status, body = status_and_body(leaf("what came", hint="what to do"))
    assert status in CODES
    assert set(body) == {"error", "detail", "hint"}
    assert ("what came" in str(body["detail"])) == (status != 500)


def test_special_errors_come_before_general_ones() -> None:
    assert status_and_body(errors.ImageDecodeError("x"))[0] == 422
    assert status_and_body(errors.ImageFormatError("x"))[0] == 415
    assert status_and_body(errors.ImageSizeError("x"))[0] == 413
    assert {status for status, _ in STATUS_CODES.values()} == CODES


def test_who_is_turned_away_is_told_when_to_return() -> None:
    assert error_response(errors.BusyError("x")).headers["retry-after"] == "1"
    assert error_response(errors.OverdueError("x")).headers["retry-after"] == "5"
