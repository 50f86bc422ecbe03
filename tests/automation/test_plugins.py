"""Whether the engine's plugins are there, and what is said if they aren't."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from ecs_stack.automation import plugins
from ecs_stack.automation.events import Problem, Recorder
from ecs_stack.automation.failures import translate
from ecs_stack.errors import EngineError
from tests.automation.test_failures import failure

AWS, AWSX = plugins.needed()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine without plugins that the vendor answers."""
    monkeypatch.setattr(plugins.engines, "vendor_answers", lambda: True)
    return {"PULUMI_HOME": str(tmp_path), "PATH": str(tmp_path)}


def install(tmp_path: Path, *missing: str) -> None:
    for plugin in plugins.needed():
        if plugin.name not in missing:
            (tmp_path / "plugins" / f"resource-{plugin.name}-v{plugin.version}").mkdir(parents=True)


def test_they_are_the_versions_of_the_packages() -> None:
    assert plugins.Plugin("aws", metadata.version("pulumi-aws")) == AWS
    assert plugins.Plugin("awsx", metadata.version("pulumi-awsx")) == AWSX


def test_where_they_are_found(tmp_path: Path, environment: dict[str, str]) -> None:
    assert not AWS.is_here(environment)
    assert AWS.is_here({**environment, "PULUMI_DEBUG_PROVIDERS": "awsx:1,aws:2"})
    (tmp_path / "pulumi-resource-aws").touch(mode=0o755)
    assert AWS.is_here(environment)
    assert not AWSX.is_here(environment), "one that begins alike is another one"
    install(tmp_path)
    assert AWSX.is_here(environment)
    (tmp_path / "plugins" / f"resource-awsx-v{AWSX.version}").rename(tmp_path / "plugins" / "resource-awsx-v0.0.1")
    assert not AWSX.is_here(environment), "another version doesn't count"


def test_without_the_vendor_a_missing_plugin_is_refused_at_once(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.require(environment)
    monkeypatch.setattr(plugins.engines, "vendor_answers", lambda: False)
    with pytest.raises(
        EngineError, match=rf"the plugin aws {AWS.version}, and get.pulumi.com.* doesn't answer"
    ) as caught:
        plugins.require(environment)
    assert f"plugin install resource aws v{AWS.version}`" in (caught.value.hint or "")
    plugins.require({**environment, "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES": ".*=https://mirror"})
    install(tmp_path, "awsx")
    with pytest.raises(EngineError, match=f"the plugin awsx {AWSX.version}"):
        plugins.require(environment)
    install(tmp_path / "other")
    plugins.require({**environment, "PULUMI_HOME": str(tmp_path / "other")})


def test_without_leave_to_download_it_too(environment: dict[str, str]) -> None:
    with pytest.raises(EngineError, match="ACQUISITION forbids"):
        plugins.require({**environment, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"})


def test_what_the_engine_says_of_one_that_it_could_not_get() -> None:
    said = (
        "Could not automatically download and install resource plugin 'pulumi-resource-aws' at version v7.51.1, "
        "install the plugin using `pulumi plugin install resource aws v7.51.1`: error downloading provider aws to "
        "file: failed to download plugin: aws-7.51.1: failed all 5 attempts"
    )
    recorder = Recorder(problems=[Problem("Provider aws", said)])
    error = translate(failure(), environment="prod", doing="preview", recorder=recorder)
    assert (type(error), error.exit_code) == (EngineError, 2)
    assert error.message == f"the engine doesn't have the plugin aws {AWS.version}, and couldn't get it"
    other = translate(
        failure("error: no resource plugin 'pulumi-resource-acme' found in the workspace"),
        environment="prod",
        doing="up",
        recorder=Recorder(),
    )
    assert other.hint == "Install it: `pulumi plugin install resource acme`."
