"""The OpenAPI description, held against the running service by a client that tries to break it."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from mien.service.schemas import PredictionSchema
from tests.service.servers import Server

PATHS = ["/v1/predict", "/v1/model", "/healthz", "/readyz", "/metrics", "/v1/video"]
#: All that a random body may be held to: whether bytes are a picture no schema can say.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def test_it_describes_every_route_with_examples(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {*PATHS, "/v1/video/{job_id}", "/v1/video/{job_id}/files/{name}"}
    answers = described["paths"]["/v1/predict"]["post"]["responses"]
    assert {"200", "400", "401", "413", "415", "422", "429", "503"} <= set(answers)
    example = answers["200"]["content"]["application/json"]["example"]
    assert PredictionSchema.model_validate(example).model_dump(mode="json", by_alias=True)["results"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", PATHS)
def test_generated_requests_get_described_answers(server: Server, path: str) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    found = list(schema.include(path=path).get_all_operations())
    operation, *others = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(found) == 1 + len(others)

    @given(case=operation.as_strategy())
    @settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def attack(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    attack()
