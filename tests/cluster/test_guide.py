"""The files of the guide are those that Ray's launcher and KubeRay take."""

import re
from importlib.util import find_spec

import pytest
import yaml

from maeday_core.cli import _parser
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "guides" / "cluster.md").read_text(encoding="utf-8")
LAUNCHER, JOB = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))


@pytest.mark.skipif(not find_spec("ray"), reason="the extra `cluster` is not installed")
@pytest.mark.filterwarnings("default")
def test_the_launcher_takes_the_cluster() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    whole = prepare_config(LAUNCHER)
    validate_config(whole)
    assert whole["available_node_types"].keys() == {"head", "worker"}
    with pytest.raises(Exception, match="min_worker"):
        validate_config(whole | {"min_workers": []})


def test_the_job_has_what_kuberay_needs() -> None:
    assert (JOB["apiVersion"], JOB["kind"]) == ("ray.io/v1", "RayJob")
    cluster = JOB["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert container.keys() >= {"name", "image", "resources"}
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
    for group in cluster["workerGroupSpecs"]:
        assert group.keys() >= {"groupName", "replicas", "minReplicas", "maxReplicas"}
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_commands_are_those_of_the_program() -> None:
    commands = re.findall(r"maeday (?:frames|evaluate) [^\n`\"#]*", TEXT)
    assert len(commands) >= 6
    for command in commands:
        words = command.split()[1:]
        assert _parser(words).parse_args(words).engine == "ray"
