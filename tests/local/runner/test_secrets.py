"""Secrets from SSM and Secrets Manager."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.local.runner.conftest import Bench, container, serving

pytestmark = pytest.mark.docker

SSM = "arn:aws:ssm:eu-west-1:000000000000:parameter"
ASM = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:acme/db-AbCdEf"
PREFIX = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "


def test_every_form_of_a_secret(bench: Bench) -> None:
    bench.clients.ssm.parameters = {"/acme/url": "s1", "plain": "s2", "/top": "s3"}
    bench.clients.ssm.parameters |= {f"/many/{i}": str(i) for i in range(12)}
    document = json.dumps({"user": "u", "port": 5432})
    bench.clients.secretsmanager.secrets = {
        (ASM, "AWSCURRENT"): document,
        (ASM, "AWSPREVIOUS"): json.dumps({"user": "old"}),
        (ASM, "v-1"): json.dumps({"user": "first"}),
    }
    wanted = {
        "BY_NAME": "/acme/url",
        "BY_ARN": f"{SSM}/acme/url",
        "PLAIN": f"{SSM}/plain",
        "TOP": f"{SSM}/top",
        "ELSEWHERE": "arn:aws:ssm:us-east-1:000000000000:parameter/plain",
        "WHOLE": ASM,
        "KEY": f"{ASM}:user::",
        "NUMBER": f"{ASM}:port::",
        "STAGE": f"{ASM}:user:AWSPREVIOUS:",
        "VERSION": f"{ASM}:user::v-1",
        **{f"M{i}": f"/many/{i}" for i in range(12)},
    }
    secrets = [{"name": name, "valueFrom": source} for name, source in wanted.items()]
    run = bench.up(serving(secrets=secrets, environment=[{"name": "KEY", "value": "not this"}]))
    seen = json.loads(bench.call(run, "/self"))["environment"]
    assert {name: seen[name] for name in wanted} == {
        "BY_NAME": "s1",
        "BY_ARN": "s1",
        "PLAIN": "s2",
        "TOP": "s3",
        "ELSEWHERE": "s2",
        "WHOLE": document,
        "KEY": "u",
        "NUMBER": "5432",
        "STAGE": "old",
        "VERSION": "first",
        **{f"M{i}": str(i) for i in range(12)},
    }
    assert ("ssm", "us-east-1") in bench.clients.regions


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "/no/such",
            PREFIX + "unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
            "invalid ssm parameters: /no/such",
        ),
        (
            ASM,
            PREFIX + "unable to retrieve secret from asm: service call has been retried 1 time(s): "
            f"failed to fetch secret {ASM} from secrets manager: ResourceNotFoundException: "
            "Secrets Manager can't find the specified secret.",
        ),
        (
            f"{ASM}x:password::",
            PREFIX + "unable to retrieve secret from asm: service call has been retried 1 time(s): "
            "retrieved secret from Secrets Manager did not contain json key password",
        ),
    ],
)
def test_a_secret_that_is_missing_stops_the_task(bench: Bench, source: str, reason: str) -> None:
    bench.clients.secretsmanager.secrets = {(f"{ASM}x", "AWSCURRENT"): '{"user": "u"}'}
    run = bench.launch(container(secrets=[{"name": "S", "valueFrom": source}]))
    state = bench.wait(run, "STOPPED")
    assert (state.stop_code, state.stopped_reason) == ("TaskFailedToStart", reason)
    assert bench.left() == []


def test_secrets_stay_out_of_labels_files_states_and_log_records(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    bench.clients.ssm.parameters = {"/acme/password": "hunter2-the-secret"}
    run = bench.up(serving(secrets=[{"name": "PASSWORD", "valueFrom": "/acme/password"}]))
    seen = json.loads(bench.call(run, "/self"))["environment"]
    assert seen["PASSWORD"] == "hunter2-the-secret"
    found = bench.engine.api.inspect_container(bench.docker_id(run, "app"))
    documents = bench.call(run, "/get", url=seen["ECS_CONTAINER_METADATA_URI_V4"] + "/task")
    files = "".join(p.read_text() for p in Path(bench.root).rglob("*") if p.is_file())
    for place in (str(found["Config"]["Labels"]), documents, files, str(bench.history), caplog.text):
        assert "hunter2" not in place
