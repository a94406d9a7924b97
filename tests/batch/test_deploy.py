"""The manifest for a Kubernetes cluster, against the fields that KubeRay documents, and against this package."""

import re
import shlex
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from mien.cli.app import app
from tests.conftest import REPOSITORY

yaml = pytest.importorskip("yaml", reason="reads the manifest")

MANIFEST, IMAGE = REPOSITORY / "deploy" / "kuberay.yaml", REPOSITORY / "deploy" / "Containerfile.ray"
#: Fields of ray.io/v1 (KubeRay 1.4, docs/reference/api.md), those of this manifest's kinds.
FIELDS = {
    "RayJobSpec": "activeDeadlineSeconds backoffLimit rayClusterSpec submitterPodTemplate metadata clusterSelector "
    "submitterConfig managedBy deletionStrategy entrypoint runtimeEnvYAML jobId submissionMode entrypointResources "
    "entrypointNumCpus entrypointNumGpus ttlSecondsAfterFinished shutdownAfterJobFinishes suspend",
    "RayClusterSpec": "suspend managedBy autoscalerOptions headServiceAnnotations enableInTreeAutoscaling "
    "gcsFaultToleranceOptions headGroupSpec rayVersion workerGroupSpecs",
    "HeadGroupSpec": "template headService enableIngress rayStartParams serviceType",
    "WorkerGroupSpec": "suspend groupName replicas minReplicas maxReplicas idleTimeoutSeconds rayStartParams template "
    "scaleStrategy numOfHosts",
    "Container": "name image command args workingDir ports envFrom env resources volumeMounts livenessProbe "
    "readinessProbe startupProbe lifecycle imagePullPolicy securityContext",
}
#: Options of ``ray start`` that the manifest may set; KubeRay wants text for each.
START = {"num-cpus", "num-gpus", "object-store-memory", "memory", "block", "dashboard-host", "resources"}


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))


def _known(given: dict[str, Any], kind: str) -> dict[str, Any]:
    assert set(given) <= set(FIELDS[kind].split()), kind
    return given


def test_every_field_is_one_that_the_operator_documents(documents: list[dict[str, Any]]) -> None:
    job = documents[0]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = _known(_known(job["spec"], "RayJobSpec")["rayClusterSpec"], "RayClusterSpec")
    groups = [_known(cluster["headGroupSpec"], "HeadGroupSpec")]
    groups += [_known(group, "WorkerGroupSpec") for group in cluster["workerGroupSpecs"]]
    for group in groups:
        assert set(group["rayStartParams"]) <= START
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        _known(container, "Container")
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_all_pods_have_one_image_and_see_the_folder_of_the_job(documents: list[dict[str, Any]]) -> None:
    job, claim = documents
    cluster = job["spec"]["rayClusterSpec"]
    pods = [group["template"]["spec"] for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    assert {pod["volumes"][0]["persistentVolumeClaim"]["claimName"] for pod in pods} == {claim["metadata"]["name"]}
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    (mount,) = pods[0]["containers"][0]["volumeMounts"]
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[words.index("--out") + 1].startswith(mount["mountPath"] + "/")


def test_readers_fit_their_pod(documents: list[dict[str, Any]]) -> None:
    for group in documents[0]["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        requests = container["resources"]["requests"]
        assert requests["cpu"] == group["rayStartParams"]["num-cpus"]
        assert int(requests["memory"].removesuffix("Gi")) >= 2 * int(requests["cpu"])


def test_the_entrypoint_is_a_command_of_this_package(documents: list[dict[str, Any]]) -> None:
    words = shlex.split(documents[0]["spec"]["entrypoint"])
    assert words[:2] == ["mien", "batch"]
    told = CliRunner().invoke(app, ["batch", "run", "--help"]).output
    assert all(word in told for word in words if word.startswith("--"))
    assert {"--resume", "--engine"} <= set(words)


def test_image_manifest_and_package_agree_on_ray(documents: list[dict[str, Any]]) -> None:
    version = documents[0]["spec"]["rayClusterSpec"]["rayVersion"]
    assert f"rayproject/ray:{version}-py" in IMAGE.read_text(encoding="utf-8")
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'"(ray\[data\][^"]*)"', project)
    assert found
    assert version in Requirement(found[1]).specifier
