"""Each field of a task definition that a container can feel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local.runner.conftest import IMAGE, Bench, container, serving

pytestmark = pytest.mark.docker


def this(bench: Bench, run: Any, port: int = 8080) -> dict[str, Any]:
    return json.loads(bench.call(run, "/self", port=port))


def test_entry_point_command_user_and_working_directory(bench: Bench) -> None:
    run = bench.up(
        serving(
            entryPoint=["/probe", "serve"],
            command=["8080", "extra"],
            user="1234:5678",
            workingDirectory="/srv",
        )
    )
    seen = this(bench, run)
    assert seen["args"] == ["/probe", "serve", "8080", "extra"]
    assert (seen["uid"], seen["gid"]) == (1234, 5678)
    assert seen["directory"] == "/srv"


def test_what_the_definition_leaves_out_comes_from_the_image(bench: Bench) -> None:
    definition = serving()
    del definition["command"]
    seen = this(bench, bench.up(definition))
    assert seen["args"] == ["/probe", "serve", "8080"]
    assert seen["directory"] == "/srv/app"
    assert seen["environment"]["FROM_IMAGE"] == "yes"


def test_overrides_win_over_the_definition(bench: Bench) -> None:
    overrides = {
        "containerOverrides": [
            {
                "name": "app",
                "command": ["serve", "8080", "override"],
                "environment": [{"name": "A", "value": "2"}, {"name": "C", "value": "3"}],
                "memory": 96,
            }
        ]
    }
    run = bench.up(
        serving(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "x=y"}]),
        overrides=overrides,
    )
    seen = this(bench, run)
    assert seen["args"][-1] == "override"
    assert {k: seen["environment"][k] for k in "ABC"} == {"A": "2", "B": "x=y", "C": "3"}
    config = bench.engine.api.inspect_container(bench.docker_id(run, "app"))["HostConfig"]
    assert config["Memory"] == 96 * 2**20


def test_read_only_root_and_writable_tmpfs(bench: Bench) -> None:
    tmpfs = [{"containerPath": "/scratch", "size": 16, "mountOptions": ["noexec"]}]
    run = bench.up(serving(readonlyRootFilesystem=True, linuxParameters={"tmpfs": tmpfs}))
    assert "read-only" in bench.call(run, "/write", path="/srv/app/x", text="x")
    assert bench.call(run, "/write", path="/scratch/x", text="x") == "written"
    assert bench.call(run, "/size", path="/scratch") == "16"
    assert " /scratch tmpfs rw,nosuid,nodev,noexec" in bench.call(run, "/read", path="/proc/mounts")


def test_root_is_writable_by_default(bench: Bench) -> None:
    assert bench.call(bench.up(serving()), "/write", path="/srv/app/x", text="x") == "written"


def test_cpu_and_memory_limits(bench: Bench) -> None:
    run = bench.up(
        serving("app", cpu=64, memory=128, memoryReservation=64),
        serving("side", 8081),
        cpu="256",
        memory="512",
    )
    app = bench.engine.api.inspect_container(bench.docker_id(run, "app"))["HostConfig"]
    assert app["Memory"] == app["MemorySwap"] == 128 * 2**20
    assert app["MemoryReservation"] == 64 * 2**20
    assert app["CpuShares"] == 64
    assert app["CpuQuota"] / app["CpuPeriod"] == 0.25
    side = bench.engine.api.inspect_container(bench.docker_id(run, "side"))["HostConfig"]
    # A container without limits of its own has the task's.
    assert side["Memory"] == 512 * 2**20
    assert side["CpuShares"] == 192


def test_linux_parameters(bench: Bench) -> None:
    run = bench.up(
        serving(
            linuxParameters={
                "initProcessEnabled": True,
                "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
                "sharedMemorySize": 32,
            },
            ulimits=[{"name": "nofile", "softLimit": 300, "hardLimit": 300}],
            systemControls=[{"namespace": "net.core.somaxconn", "value": "77"}],
        )
    )
    seen = this(bench, run)
    assert int(seen["capabilities"], 16) == 1 << 0  # CAP_CHOWN
    assert seen["nofile"] == [300, 300]
    assert "init" in seen["first"].split()[0]
    assert bench.call(run, "/size", path="/dev/shm") == "32"
    assert bench.call(run, "/read", path="/proc/sys/net/core/somaxconn") == "77\n"


def test_default_capabilities_are_dockers(bench: Bench) -> None:
    seen = this(bench, bench.up(serving()))
    assert int(seen["capabilities"], 16) & 1
    assert seen["first"].split()[0] == "/probe"


def test_task_volume_is_shared_and_goes_with_the_task(bench: Bench) -> None:
    mount = {"sourceVolume": "data", "containerPath": "/data"}
    run = bench.up(
        serving("app", mountPoints=[mount]),
        serving("reader", 8081, mountPoints=[{**mount, "readOnly": True}]),
        volumes=[{"name": "data", "host": {}}],
    )
    assert bench.call(run, "/write", path="/data/x", text="shared") == "written"
    assert bench.call(run, "/read", port=8081, path="/data/x") == "shared"
    assert "read-only" in bench.call(run, "/write", port=8081, path="/data/y", text="no")
    assert any(name.endswith("-data") for name in bench.left())
    bench.stop(run)
    assert bench.left() == []


def test_host_volume(bench: Bench) -> None:
    directory = bench.root / "shared"
    directory.mkdir()
    run = bench.up(
        serving(mountPoints=[{"sourceVolume": "host", "containerPath": "/host"}]),
        volumes=[{"name": "host", "host": {"sourcePath": str(directory)}}],
    )
    assert bench.call(run, "/write", path="/host/x", text="here") == "written"
    bench.stop(run)
    assert (directory / "x").read_text() == "here"


def test_volumes_from(bench: Bench) -> None:
    run = bench.up(
        serving("user", 8081, volumesFrom=[{"sourceContainer": "owner", "readOnly": True}]),
        serving("owner", mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}]),
        volumes=[{"name": "data"}],
    )
    bench.call(run, "/write", path="/data/x", text="from owner")
    assert bench.call(run, "/read", port=8081, path="/data/x") == "from owner"
    assert "read-only" in bench.call(run, "/write", port=8081, path="/data/y", text="no")


def test_containers_of_a_task_share_localhost_and_others_do_not(bench: Bench) -> None:
    run = bench.up(serving("app"), serving("side", 9000))
    bench.call(run, "/self", port=9000)  # it listens
    assert '"directory"' in bench.call(run, "/get", url="http://localhost:9000/self")
    other = bench.up(serving("app"))
    assert "refused" in bench.call(other, "/get", url="http://localhost:9000/self")


def test_ports_are_published_on_loopback_only(bench: Bench) -> None:
    run = bench.up(serving("app"), serving("admin", 8081))
    state = bench.runner.state(run.arn)
    assert state is not None
    assert sorted(state.host_ports) == [8080, 8081]
    filters = {"label": [f"ecs-stack.root={bench.root}", "ecs-stack.container=~internal~ecs~pause"]}
    (pause,) = bench.engine.api.containers(filters=filters)
    assert {p["IP"] for p in pause["Ports"]} == {"127.0.0.1"}


def test_labels_and_names(bench: Bench) -> None:
    run = bench.up(serving(dockerLabels={"mine": "1", "ecs-stack.task": "forged"}))
    found = bench.engine.api.inspect_container(bench.docker_id(run, "app"))
    labels = found["Config"]["Labels"]
    assert found["Name"] == f"/ecs-test-test-api-3-app-{run.id[:12]}"
    assert labels["ecs-stack.root"] == str(bench.root)
    assert labels["ecs-stack.task"] == run.id
    assert labels["ecs-stack.cluster"] == "test"
    assert labels["ecs-stack.service"] == "api"
    assert labels["ecs-stack.container"] == "app"
    assert labels["mine"] == "1"


def test_region_metadata_address_and_documents(bench: Bench) -> None:
    run = bench.up(serving(cpu=64, memory=128), container("side"), cpu="256", memory="512")
    variables = this(bench, run)["environment"]
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_ENDPOINT_URL" not in variables
    address = variables["ECS_CONTAINER_METADATA_URI_V4"]
    task = json.loads(bench.call(run, "/get", url=f"{address}/task"))
    assert task["TaskARN"] == run.arn
    assert task["AvailabilityZone"] == "eu-west-1b"
    assert (task["Cluster"], task["Family"], task["Revision"]) == ("test", "test-api", "3")
    assert task["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert {c["Name"] for c in task["Containers"]} == {"app", "side"}
    own = json.loads(bench.call(run, "/get", url=address))
    assert own["Name"] == "app"
    assert own["DockerId"] == bench.docker_id(run, "app")
    assert own["Limits"] == {"CPU": 64, "Memory": 128}
    assert "404" in bench.call(run, "/get", url=f"{address}x/task")


def test_endpoint_for_containers(bench: Bench) -> None:
    bench.runner.close()
    bench.runner = bench.make_runner("http://172.17.0.1:4566")
    run = bench.up(serving(environment=[{"name": "AWS_ACCESS_KEY_ID", "value": "mine"}]))
    variables = this(bench, run)["environment"]
    assert variables["AWS_ENDPOINT_URL"] == "http://172.17.0.1:4566"
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]) == ("mine", "local")
    assert variables["ECS_CONTAINER_METADATA_URI_V4"].startswith("http://172.17.0.1:")


def test_udp_and_tcp_on_one_port(bench: Bench) -> None:
    both = [{"containerPort": 8080, "protocol": p} for p in ("tcp", "udp")]
    run = bench.up(serving(portMappings=both))
    assert bench.call(run, "/healthy") == ""
    ports = bench.engine.api.inspect_container(bench.pause_id(run))["NetworkSettings"]["Ports"]
    assert set(ports) == {"8080/tcp", "8080/udp"}


def test_image_digest_is_reported(bench: Bench) -> None:
    run = bench.up(serving())
    state = bench.runner.state(run.arn)
    assert state is not None
    assert state.containers[0].image_digest == bench.engine.images.get(IMAGE).id


def test_environment_files_from_s3(bench: Bench) -> None:
    bench.clients.s3.objects["config", "a/one.env"] = b'# comment\nA=file\nB="quoted"\nB=second\n'
    files = [{"type": "s3", "value": "arn:aws:s3:::config/a/one.env"}]
    run = bench.up(serving(environmentFiles=files, environment=[{"name": "A", "value": "definition"}]))
    variables = this(bench, run)["environment"]
    assert (variables["A"], variables["B"]) == ("definition", '"quoted"')


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}, "efsVolume"),
        ({"pidMode": "task"}, "pidMode"),
        (
            {"containerDefinitions": [serving(portMappings=[{"containerPortRange": "80-90"}])]},
            "containerPortRange of container 'app'",
        ),
        ({"containerDefinitions": [container(hostname="h")]}, "hostname of container 'app'"),
        ({"networkMode": "bridge"}, "networkMode bridge"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(bench: Bench, definition: dict[str, Any], text: str) -> None:
    state = bench.wait(bench.launch(serving(), **definition), "STOPPED")
    assert state.stop_code == "TaskFailedToStart"
    assert state.stopped_reason is not None
    assert text in state.stopped_reason


def test_other_log_drivers_are_refused_by_name(bench: Bench) -> None:
    state = bench.wait(bench.launch(serving(logConfiguration={"logDriver": "splunk"})), "STOPPED")
    assert "'splunk'" in (state.stopped_reason or "")
