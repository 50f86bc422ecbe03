"""Ephemeral environments: ``envs/preview.yaml`` on top of its host's file, with what the command adds.

A service that the template or the command names is made anew, as the host's file describes it, with what they change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ecs_stack.errors import SpecError
from ecs_stack.rules import ephemeral, routes, words
from ecs_stack.spec import document, explain, loading
from ecs_stack.spec.base import Model, rule
from ecs_stack.spec.document import Entry, Mark, Node, Problem
from ecs_stack.spec.environment import Environment, ServiceName
from ecs_stack.spec.service import Route, Service

LOCAL_DOMAIN = "localhost"

#: The command that prints every field that there is.
_SCHEMA = "schema --template"

_HOST = re.compile(rf"(?!{loading.TEMPLATE}$){loading.NAME.pattern}")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
#: A new target is healthy after one check. 5 seconds is the shortest interval that ELB takes (CreateTargetGroup).
_HEALTH = {"interval": 5, "timeout": 4, "healthy_threshold": 2}
#: One task, replaced by the next before it stops; nobody's long download is waited for.
_DEFAULTS = {"deploy": {"minimum_percent": 100, "maximum_percent": 200}}
_DEREGISTRATION_DELAY = 5
_NO_PLACE = Mark("ecs-stack", 0, 0)


def _host_problem(name: str) -> str | None:
    return None if _HOST.fullmatch(name) else f"must be the name of an environment, such as dev, not '{name}'"


class TemplateFile(Model):
    """The fields of ``envs/preview.yaml``. In every text, {name}, {branch} and {sha} are replaced; {{ is a brace."""

    host: Annotated[str, rule(_host_problem)]
    """The environment whose network, cluster and load balancer are used; it says `hosts_ephemeral: true`."""
    ttl: Annotated[str, rule(ephemeral.ttl_problem)] = "72h"
    """How long an environment lives after its last `up`: 90m, 72h, 7d; none: until somebody takes it down."""
    domain: Annotated[str, rule(ephemeral.domain_problem)] | None = None
    """Environments answer at NAME.DOMAIN; the host's load_balancer.domain without it (localhost on this machine)."""
    services: Mapping[ServiceName, Mapping[str, Any] | None] = {}
    """The services that an environment makes; each has what differs from the host's of that name. Requests for the
    host's other services go to the host's."""


class _Changed(Model):
    services: Mapping[ServiceName, Service] = {}


class Ephemeral(Model):
    """What an ephemeral environment consists of, all of it resolved: it depends on no file any more."""

    name: str
    host: str
    """The environment that it stands on."""
    target: Literal["aws", "local"]
    region: str
    account: str | None = None
    domain: str
    ttl: str
    tags: Mapping[str, str] = {}
    log_retention_days: Annotated[int, Field(ge=1)]
    services: Mapping[str, Service]
    """What is made; the routes' hosts are this environment's."""
    borrowed: Mapping[str, Route] = {}
    """The host's services that requests go to."""
    inherited: Sequence[str] = ()
    """Those of them that the host's own listener rules send there."""

    @property
    def listener_rules(self) -> dict[str, routes.Route]:
        """The listener rules that it needs, by service."""
        return {name: route for name, route in self.routes.items() if name not in self.inherited}

    @property
    def routes(self) -> dict[str, routes.Route]:
        """What reaches each service, the borrowed ones included."""
        own = {name: service.route for name, service in self.services.items() if service.route}
        return {name: route.listener_rule for name, route in (own | dict(self.borrowed)).items()}

    def borrowing(self, served: Mapping[str, tuple[str, str | None]]) -> Ephemeral:
        """With routes to the host's services that aren't made anew; ``served`` has the path and host of each.

        Raises SpecError if two routes take the same requests.
        """
        borrowed = {
            service: Route(path=path, host=_host_name(self, service, host))
            for service, (path, host) in sorted(served.items())
            if service not in self.services
        }
        resolved = self.model_copy(update={"borrowed": borrowed})
        for (first, one), (second, other) in combinations(resolved.routes.items(), 2):
            if problem := routes.collision(one, other):
                raise SpecError(
                    f"the routes of {self.name} collide: that of '{first}' {problem} ('{second}')",
                    hint=f"Correct {loading.FOLDER}/{loading.TEMPLATE}.yaml, or the host's file.",
                )
        everything = resolved.routes
        inherited = routes.inherited(
            {name: route for name, route in everything.items() if name in self.services},
            {name: route for name, route in everything.items() if name in borrowed},
            {name: routes.Route(path=path, host=host) for name, (path, host) in served.items()},
        )
        return resolved.model_copy(update={"inherited": sorted(inherited)})


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a command says about one ephemeral environment, beside the template.

    ``images`` are by service, ``settings`` are ``services.SERVICE.FIELD=VALUE``.
    """

    name: str
    host: str | None = None
    branch: str | None = None
    sha: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()


#: Stands for every environment that could be made, so that ``validate`` can look at the template.
ANY = Request(name="name", branch="branch", sha="0" * 40)


def load_ephemeral(root: Path, request: Request) -> Ephemeral:
    """The environment that the template, its host's file and a request describe; it borrows nothing yet.

    Raises SpecError with file, line and column of each thing that is wrong.
    """
    if request is not ANY:
        _check_name(root, request.name)
    tree = _template(root, request)
    template = TemplateFile.model_validate(document.plain(tree))
    host = loading.load(root, request.host or template.host)
    services, problems = _services(root, host, tree, request)
    shown = Node({"services": Entry(tree.mark, services)}, tree.mark)
    problems += explain.problems(_Changed, shown)
    domain = template.domain or host.load_balancer.domain or (LOCAL_DOMAIN if host.target == "local" else None)
    if domain is None:
        text = (
            "is missing, and so is load_balancer.domain of the host: environments answer at NAME.DOMAIN. With that of "
            "the host, certificate and DNS records are made, too"
        )
        problems.append(Problem(tree.mark, "domain", text))
    elif host.load_balancer.makes_certificate and domain != host.load_balancer.domain:
        text = f"must be {host.load_balancer.domain}, or left out: that is what the certificate of {host.name} is for"
        problems.append(Problem((_at(tree, "domain") or tree).mark, "domain", text))
    if problems or domain is None:
        raise loading.wrong(f"The ephemeral environment '{request.name}'", problems, schema=_SCHEMA)
    changed = _Changed.model_validate(document.plain(shown)).services
    resolved = Ephemeral(
        name=request.name,
        host=host.name,
        target=host.target,
        region=host.region,
        account=host.account,
        domain=domain,
        ttl=template.ttl,
        tags=host.tags,
        log_retention_days=host.monitoring.log_retention_days,
        services=changed,
    )
    own = {name: _own_route(resolved, name, service) for name, service in changed.items()}
    return resolved.model_copy(update={"services": own})


def template_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the template, for editors."""
    schema = TemplateFile.model_json_schema()
    service = Service.model_json_schema()
    definitions = service.pop("$defs")
    # Each field of a service may come from the host's.
    for each in (service, *definitions.values()):
        each.pop("required", None)
    schema["properties"]["services"]["additionalProperties"] = {"anyOf": [service, {"type": "null"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "The template of ephemeral environments",
        "$defs": definitions,
    }


def _check_name(root: Path, name: str) -> None:
    if problem := ephemeral.name_problem(name):
        raise SpecError(
            f"'{name}' can't be the name of an ephemeral environment: {problem}.",
            hint="`--branch` makes a name of a branch's.",
        )
    if name == loading.TEMPLATE or name in loading.names(root):
        raise SpecError(
            f"'{name}' can't be the name of an ephemeral environment: {loading.FOLDER}/{name}.yaml has it.",
            hint="Take another name.",
        )


def _template(root: Path, request: Request) -> Node:
    """The template, its variables replaced."""
    shown_as = f"{loading.FOLDER}/{loading.TEMPLATE}.yaml"
    try:
        found = document.read(root / shown_as, shown_as)
    except FileNotFoundError:
        raise SpecError(
            f"There is no template of ephemeral environments ({shown_as}).",
            hint=f"Write it; `host: dev` is enough. {root.resolve()} is the project.",
        ) from None
    except OSError as error:
        raise SpecError(f"{shown_as} can't be read: {error.strerror}") from error
    problems = list(found.problems)
    known = {"name": request.name, "branch": request.branch, "sha": request.sha}

    def replaced(path: str, node: Node) -> str:
        def one(match: re.Match[str]) -> str:
            text, problem = _variable(match, known)
            if problem:
                problems.append(Problem(node.mark, path, problem))
            return text

        return _BRACES.sub(one, node.value)

    tree = document.mapped(found.root, replaced)
    if found.readable:
        problems += explain.problems(TemplateFile, tree)
    if problems:
        raise loading.wrong("The template of ephemeral environments", problems, schema=_SCHEMA)
    return tree


def _variable(match: re.Match[str], known: Mapping[str, str | None]) -> tuple[str, str | None]:
    """What a brace or a variable stands for, and what is wrong with it."""
    text, name = match[0], match[1]
    if text in ("{{", "}}"):
        return text[0], None
    if name is None:
        return text, f"a single {text}: write {text * 2} for the character, {{name}} for a variable"
    if name not in known:
        choices = ", ".join(f"{{{each}}}" for each in known)
        return text, f"unknown variable {text}. {words.did_you_mean(name, list(known))}There are: {choices}."
    value = known[name]
    return (text, f"{text} has no value: give it with --{name}") if value is None else (value, None)


def _services(root: Path, host: Environment, template: Node, request: Request) -> tuple[Node, list[Problem]]:
    """The services that are made: the host's, what is different for all ephemeral ones, the template, the command."""
    problems: list[Problem] = []
    over = _at(template, "services") or Node({}, template.mark)
    empty = {
        name: Entry(e.key, e.node if e.node.value is not None else Node({}, e.key)) for name, e in over.value.items()
    }
    over, named = Node(empty, over.mark), set(empty)
    for option in _options(request, problems):
        over = document.merge(over, option)
    base = _at(loading.read(root, host.name).root, "services") or Node({}, template.mark)
    made: dict[str, Entry] = {}
    for name, entry in over.value.items():
        under = base.value[name].node if name in base.value else None
        if under is None and name not in named:
            choices = sorted({*base.value, *named})
            text = f"there is no such service in {host.name} and in the template. {words.did_you_mean(name, choices)}"
            known = f"There are: {', '.join(choices)}."
            problems.append(Problem(entry.key, f"services.{name}", text + known))
            continue
        problems += _decided(name, entry.node)
        made[name] = Entry(entry.key, _service(under or Node({}, entry.key), entry.node))
    if not made and not problems:
        text = "names no service, and neither does the command: at least one is made anew (--image SERVICE=REFERENCE)"
        if request is not ANY:
            problems.append(Problem(template.mark, "services", text))
    return Node(made, over.mark), problems


def _service(under: Node, over: Node) -> Node:
    merged = document.merge(under, over)
    different: dict[str, Any] = dict(_DEFAULTS)
    if _at(over, "scale") is None:
        different |= {"scale": None, "count": 1}
    else:
        different["count"] = None
    if route := _at(merged, "route"):
        different |= {"health": _HEALTH, "deregistration_delay": _DEREGISTRATION_DELAY}
        if isinstance(route.value, dict) and "priority" in route.value:
            different["route"] = {"priority": None}
    return document.merge(document.merge(under, _node(different)), over)


def _decided(name: str, over: Node) -> Iterator[Problem]:
    """Fields of a route that aren't the template's to say."""
    route = _at(over, "route")
    for part in ("host", "priority") if route and isinstance(route.value, dict) else ():
        if route and part in route.value:
            text = f"is decided: environments answer at NAME.DOMAIN, and their rules' order is found. Leave out {part}"
            yield Problem(route.value[part].key, f"services.{name}.route.{part}", text)


def _own_route(resolved: Ephemeral, name: str, service: Service) -> Service:
    if service.route is None:
        return service
    host = _host_name(resolved, name, service.route.host)
    return service.model_copy(update={"route": Route(path=service.route.path, host=host)})


def _host_name(resolved: Ephemeral, service: str, host: str | None) -> str:
    """Services that share a host name on the host do so here; one that has its own there has its own here."""
    return ephemeral.host_name(resolved.name, resolved.domain, service if host else None)


def _options(request: Request, problems: list[Problem]) -> Iterator[Node]:
    """What --set and --image say, each as a tree of services."""
    for setting in request.settings:
        mark = Mark(f"--set {setting}", 0, 0)
        path, equals, text = setting.partition("=")
        parts = path.split(".", 3)
        if not equals or len(parts) < 3 or parts[0] != "services" or not all(parts):
            example = "services.api.cpu=512 or services.api.environment.LOG_LEVEL=debug"
            problems.append(Problem(mark, "", f"must be services.SERVICE.FIELD=VALUE, such as {example}"))
            continue
        # The name of a variable may have dots.
        rest = (
            parts[3:] if parts[2] in ("environment", "secrets") else [p for each in parts[3:] for p in each.split(".")]
        )
        keys = [*parts[1:3], *rest]
        as_text = explain.takes_text(_Changed, ("services", *keys))
        yield _nested(keys, Node(text, mark, text) if as_text else document.scalar(text, mark), mark)
    for service, image in request.images.items():
        mark = Mark(f"--image {service}={image}", 0, 0)
        yield _nested([service, "image"], Node(image, mark, image), mark)


def _nested(keys: list[str], node: Node, mark: Mark) -> Node:
    for key in reversed(keys):
        node = Node({key: Entry(mark, node)}, mark)
    return node


def _node(value: Any) -> Node:
    if isinstance(value, Mapping):
        return Node({key: Entry(_NO_PLACE, _node(item)) for key, item in value.items()}, _NO_PLACE)
    return Node(value, _NO_PLACE, str(value))


def _at(tree: Node, key: str) -> Node | None:
    """What a mapping has under a key; None if it has nothing there."""
    if not isinstance(tree.value, dict) or key not in tree.value:
        return None
    found: Node = tree.value[key].node
    return None if found.value is None else found
