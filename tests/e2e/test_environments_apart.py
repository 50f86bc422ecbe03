"""Two environments side by side on the local target don't see each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import Project, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]


def test_two_environments(
    make_project: Callable[[Mapping[str, str]], Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = DEV.replace("GREETING: hello", "GREETING: from one")
    two = DEV.replace("GREETING: hello", "GREETING: from two").replace("ecs-stack-demo:1", "ecs-stack-demo:2")
    project = make_project({"one": one, "two": two})
    with monkeypatch.context() as elsewhere:
        # Settings for what isn't on this machine, which all of this is: nothing listens at the proxy.
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            elsewhere.setenv(name, "http://127.0.0.1:9")
        elsewhere.setenv("AWS_PROFILE", "nobody")
        project.run("up", "one", "--yes")
    project.run("up", "two", "--yes")
    urls = {name: _service(project, name)["url"] for name in ("one", "two")}
    assert {get(urls["one"])[1]["greeting"] for _ in range(6)} == {"from one"}
    assert {get(urls["two"])[1]["greeting"] for _ in range(6)} == {"from two"}
    assert project.run("preview", "one", "--exit-code").code == 0
    assert {e["name"] for e in project.run("list", "--json").json} == {"one", "two"}

    project.run("destroy", "one", "--yes")
    assert {get(urls["two"])[0] for _ in range(6)} == {200}
    assert _service(project, "two")["running"] == 2
    assert project.run("preview", "two", "--exit-code").code == 0
    project.run("destroy", "two", "--yes")
    assert project.docker_objects()["containers"] == []


def _service(project: Project, environment: str) -> dict[str, object]:
    service: dict[str, object] = project.run("status", environment, "--json").json["services"][0]
    return service
