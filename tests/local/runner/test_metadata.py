"""Where the metadata endpoint listens, and what containers are told."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import docker
import pytest

from ecs_stack.local.ecs.runner.metadata import MetadataServer, container_host, container_key


class FakeApi:
    def __init__(self, system: str, config: list[dict[str, str]]) -> None:
        self._system, self._config = system, config

    def info(self) -> dict[str, str]:
        return {"OperatingSystem": self._system}

    def inspect_network(self, name: str) -> dict[str, Any]:
        return {"IPAM": {"Config": self._config}}


@pytest.mark.parametrize(
    ("api", "endpoint", "host"),
    [
        (FakeApi("Debian", [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.9"}]), None, "172.17.0.9"),
        (FakeApi("Debian", [{"Subnet": "172.17.0.0/16"}]), None, "172.17.0.1"),
        (FakeApi("Debian", []), None, None),
        (FakeApi("Docker Desktop", []), None, "host.docker.internal"),
        (FakeApi("Debian", []), "http://10.1.2.3:4566", "10.1.2.3"),
    ],
)
def test_how_containers_reach_this_machine(api: FakeApi, endpoint: str | None, host: str | None) -> None:
    assert container_host(api, endpoint) == host


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def test_documents_and_a_port_that_stays(tmp_path: Path) -> None:
    key = container_key("t1", "app")

    def lookup(task_id: str, found: str) -> Any:
        return ({"Name": "app"}, {"Family": "f"}) if (task_id, found) == ("t1", key) else None

    port_file = tmp_path / "port"
    server = MetadataServer("127.0.0.1", port_file, lookup)
    url = server.url("t1", "app")
    assert url == f"http://127.0.0.1:{port_file.read_text()}/v4/{key}"
    assert get(url) == {"Name": "app"}
    assert get(f"{url}/task") == {"Family": "f"}
    for wrong in (f"{url}x", f"{url}/other", url.replace("/v4/", "/v3/"), f"{url}/task/more"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(wrong)
    server.close()
    again = MetadataServer("127.0.0.1", port_file, lookup)
    assert again.url("t1", "app") == url
    # Someone has the port: another one serves the containers to come.
    other = MetadataServer("127.0.0.1", port_file, lookup)
    assert other.url("t1", "app") != url
    again.close()
    other.close()


@pytest.mark.docker
def test_the_real_bridge_has_an_address() -> None:
    client = docker.from_env()
    assert container_host(client.api, None)
    client.close()
