"""The engine's plugins for AWS: the versions that belong to the SDK's packages, and whether the engine has them.

The engine downloads what it lacks from its vendor. Where that can't be, it tries five times, each until the network
gives up: who is behind a firewall should hear of it at once.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ecs_stack.automation import engine as engines
from ecs_stack.errors import EngineError

#: sdk/go/common/workspace/plugins.go
_MISSING = re.compile(
    r"[Nn]o (?:resource )?plugin '?(?:pulumi-resource-)?(?P<a>[\w-]+)'?"
    r"|[Cc]ould not automatically download and install resource plugin '(?:pulumi-resource-)?(?P<b>[\w-]+)'"
)


@dataclass(frozen=True)
class Plugin:
    """A resource plugin, such as ``aws`` 7.51.1."""

    name: str
    version: str

    def is_here(self, environment: Mapping[str, str]) -> bool:
        """Whether an engine with that process environment has it: in its folder, on PATH, or running already."""
        home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
        running = [each.split(":")[0] for each in environment.get("PULUMI_DEBUG_PROVIDERS", "").split(",")]
        return (
            (home / "plugins" / f"resource-{self.name}-v{self.version}").is_dir()
            or shutil.which(f"pulumi-resource-{self.name}", path=environment.get("PATH")) is not None
            or self.name in running
        )

    @property
    def install(self) -> str:
        """The command that installs it."""
        found = None if shutil.which("pulumi") else engines.find()
        pulumi = found.bin / "pulumi" if found else "pulumi"
        return f"{pulumi} plugin install resource {self.name} v{self.version}"


def needed() -> tuple[Plugin, ...]:
    """What a run on AWS needs."""
    return tuple(Plugin(name, metadata.version(f"pulumi-{name}")) for name in ("aws", "awsx"))


def require(environment: Mapping[str, str]) -> None:
    """Takes some seconds at most. Raises EngineError if a plugin is neither here nor can be downloaded."""
    absent = [plugin for plugin in needed() if not plugin.is_here(environment)]
    if not absent or environment.get("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES"):
        return
    off = environment.get("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "").lower() in ("1", "true")
    if off:
        raise _refusal(absent[0], "and PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION forbids to download it")
    if not engines.vendor_answers():
        raise _refusal(absent[0], f"and {engines.VENDOR_HOST}, where it comes from, doesn't answer")


def missing(text: str) -> EngineError | None:
    """What a failure of the engine means, if a plugin is what it lacks."""
    found = _MISSING.search(text)
    if found is None:
        return None
    name = found["a"] or found["b"]
    known = [plugin for plugin in needed() if plugin.name == name]
    if known:
        return _refusal(known[0], "and couldn't get it")
    return EngineError(f"the engine has no {name} plugin", hint=f"Install it: `pulumi plugin install resource {name}`.")


def _refusal(plugin: Plugin, why: str) -> EngineError:
    return EngineError(
        f"the engine doesn't have the plugin {plugin.name} {plugin.version}, {why}",
        hint=f"Where the network allows it: `{plugin.install}`. Or copy the folder "
        f"plugins/resource-{plugin.name}-v{plugin.version} from a machine that has it to "
        f"{os.environ.get('PULUMI_HOME') or '~/.pulumi'}.",
    )
