"""Many callers at once, and kill -9: everything that was answered is there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from ecs_fakes import FARGATE, Cloud, cloud_at, definition, ecs_client, until

from ecs_stack.local.ecs.store import Store

pytestmark = pytest.mark.emulator
WORKERS = 16


def test_many_callers_get_different_revisions_and_addresses(cloud: Cloud) -> None:
    cloud.ecs.create_cluster(clusterName="dev")

    def one(number: int) -> tuple[int, str]:
        revision = cloud.ecs.register_task_definition(**definition())["taskDefinition"]["revision"]
        cloud.ecs.create_service(
            cluster="dev", serviceName=f"s{number}", taskDefinition=f"api:{revision}", desiredCount=1, **FARGATE
        )
        task = cloud.ecs.run_task(cluster="dev", taskDefinition="api", **FARGATE)["tasks"][0]
        return revision, task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]

    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(one, range(40)))
    assert sorted(revision for revision, _ in results) == list(range(1, 41))
    assert len({address for _, address in results}) == 40
    cluster = until(
        lambda: [c for c in cloud.ecs.describe_clusters(clusters=["dev"])["clusters"] if c["runningTasksCount"] == 80]
    )
    assert cluster[0]["activeServicesCount"] == 40
    addresses = {t["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for t in cloud.tasks()}
    assert len(addresses) == 80


def test_one_of_many_creators_of_a_service_wins(cloud: Cloud) -> None:
    cloud.ecs.create_cluster(clusterName="dev")
    cloud.register()

    def one(count: int) -> str | None:
        try:
            cloud.ecs.create_service(
                cluster="dev", serviceName="api", taskDefinition="api", desiredCount=count, **FARGATE
            )
        except ClientError as error:
            return str(error.response["Error"]["Message"])
        return None

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(one, range(WORKERS)))
    assert answers.count(None) == 1
    assert set(answers) - {None} == {"Creation of service was not idempotent."}


SERVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ecs_fakes import Cloud
cloud = Cloud(Path(sys.argv[2]), None)
print(cloud.server.server_port, flush=True)
time.sleep(60)
"""


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER, str(Path(__file__).parent), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        ecs_client(port).create_cluster(clusterName="dev")
        answered: list[str] = []

        def write(worker: int) -> None:
            client = ecs_client(port)
            for number in range(10_000):
                try:
                    arn = client.register_task_definition(**definition(family=f"f{worker}"))
                    answered.append(arn["taskDefinition"]["taskDefinitionArn"])
                    made = client.create_service(
                        cluster="dev",
                        serviceName=f"s-{worker}-{number}",
                        taskDefinition=f"f{worker}",
                        desiredCount=1,
                        **FARGATE,
                    )
                    answered.append(made["service"]["serviceArn"])
                except Exception:
                    return

        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, worker) for worker in range(4)]
            time.sleep(1.5)
            os.kill(process.pid, signal.SIGKILL)
            for writer in writers:
                writer.result()
    with cloud_at(tmp_path, None) as cloud:
        assert len(answered) > 20
        for arn in answered:
            if ":service/" in arn:
                found = cloud.ecs.describe_services(cluster="dev", services=[arn])["services"][0]
                assert found["status"] == "ACTIVE"
            else:
                assert cloud.ecs.describe_task_definition(taskDefinition=arn)
        definitions = [arn for arn in answered if ":task-definition/f0:" in arn]
        following = cloud.ecs.register_task_definition(**definition(family="f0"))["taskDefinition"]["revision"]
        assert following > max(int(arn.rsplit(":", 1)[1]) for arn in definitions)


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.sqlite")
    with store.transaction():
        store.put("kind", "a", {"n": 1})

    def fail() -> None:
        with store.transaction():
            store.edit("kind", "a")["n"] = 2
            store.put("kind", "b", {"n": 3})
            store.delete("kind", "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (store.get("kind", "a"), store.get("kind", "b")) == ({"n": 1}, None)
    store.close()
    again = Store(tmp_path / "x.sqlite")
    assert again.all("kind") == [{"n": 1}]
    again.close()


def test_nobody_else_can_read_the_state(tmp_path: Path) -> None:
    Store(tmp_path / "ecs" / "x.sqlite").close()
    assert (tmp_path / "ecs").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "ecs" / "x.sqlite").stat().st_mode & 0o777 == 0o600
