"""pulumi_aws's packages, made to load by name: what is used of a package, and not all of it.

pulumi_aws loads a package when something of it is first used, and then every module in it: ec2 alone has 180. For the
25 classes of an environment that is 0.45 s and 47 MiB in every process that runs a program or checks its resources,
and half of both is enough (docs/adr/0012). Nothing else changes: a name is the same object however it is found, and
whoever asks for what isn't found by name (``import *``, ``dir()``) gets the whole package. It begins with the import
of this module.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi_aws

#: What components and the VPC's children use of any environment, by package.
USED = {
    "appautoscaling": ("Policy", "Target"),
    "cloudwatch": ("LogGroup",),
    "ec2": (
        *("Eip", "InternetGateway", "NatGateway", "Route", "RouteTable", "RouteTableAssociation"),
        *("SecurityGroup", "Subnet", "Vpc", "VpcEndpoint"),
    ),
    "ecs": ("Cluster", "ClusterCapacityProviders", "Service", "TaskDefinition"),
    "iam": ("Role", "RolePolicy"),
    "lb": ("Listener", "ListenerRule", "LoadBalancer", "TargetGroup"),
    "vpc": ("SecurityGroupEgressRule", "SecurityGroupIngressRule"),
}

#: What they use of some only: it loads when it is.
SOMETIMES = ("acm", "route53")

_lock = threading.RLock()
#: Packages whose own code has begun to run, which may look for names in them itself.
_begun: set[str] = set()


def install() -> None:
    """Lets the packages load by name. One that somebody has loaded already stays as it is."""
    with _lock:
        for package in (*USED, *SOMETIMES):
            name = f"pulumi_aws.{package}"
            present = sys.modules.get(name)
            # The SDK's own lazy module is of another class until it is loaded (pulumi/_utils.py, as importlib's).
            if isinstance(present, _Package) or type(present) is types.ModuleType:
                continue
            spec = importlib.util.find_spec(name)
            if spec is None or spec.loader is None:
                continue
            module = importlib.util.module_from_spec(spec)
            module.__class__ = _Package
            sys.modules[name] = module
            setattr(pulumi_aws, package, module)


def load() -> None:
    """Loads what any environment uses, for those who want it done by the time they need it."""
    for package, names in USED.items():
        for name in names:
            getattr(importlib.import_module(f"pulumi_aws.{package}"), name)


class _Package(types.ModuleType):
    """A package whose own code hasn't run: it finds the names that are asked for one by one."""

    def __getattr__(self, name: str) -> Any:
        """Called for what isn't there yet."""
        for home in _homes(name):
            if any((Path(folder) / f"{home}.py").is_file() for folder in self.__path__):
                module = importlib.import_module(f"{self.__name__}.{home}")
                if name in module.__dict__:
                    setattr(self, name, module.__dict__[name])
                    return module.__dict__[name]
                if name == home:  # the module itself, which may be importing itself just now
                    return module
        self._load_whole()
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        """Importing a module binds it to its name here, which belongs to the function in it where there is one."""
        super().__setattr__(name, value.__dict__.get(name, value) if isinstance(value, types.ModuleType) else value)

    def __dir__(self) -> list[str]:
        self._load_whole()
        return list(self.__dict__)

    def _load_whole(self) -> None:
        with _lock:
            if type(self) is not _Package or self.__name__ in _begun:
                return
            _begun.add(self.__name__)
            loader = self.__spec__.loader if self.__spec__ else None
            if loader is not None:
                loader.exec_module(self)
            object.__setattr__(self, "__class__", types.ModuleType)


def _homes(name: str) -> Iterator[str]:
    """The modules that may define a name, the likeliest first: ``SubnetArgs`` is in ``subnet`` or ``_inputs``,
    ``get_zone_output`` in ``get_zone``."""
    if not name.startswith("__"):
        yield re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Args").removesuffix("_output")).lower()
        yield "_inputs" if name.endswith("Args") else "_enums"


install()
