"""The template of ephemeral environments: envs/preview.yaml over its host's file, with what a command adds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecs_stack import spec
from ecs_stack.errors import SpecError
from tests.unit.conftest import Write

HOST = """\
target: local
region: eu-west-1
tags: {team: platform}
services:
  api:
    image: acme/api:1
    cpu: 256
    memory: 512
    port: 8080
    route: {path: "/api/*", priority: 30000}
    health: {path: /health, interval: 30}
    environment: {LOG_LEVEL: info, PLAN: a}
    scale: {min: 3, max: 9, cpu: 60}
    deploy: {minimum_percent: 100, maximum_percent: 150}
  web:
    image: acme/web:1
    cpu: 256
    memory: 512
    port: 3000
    route: {host: www.example.com}
  worker: {image: "acme/worker:1", cpu: 256, memory: 512}
"""
TEMPLATE = """\
host: dev
ttl: 24h
services:
  api:
    environment: {PLAN: "{branch}@{sha}", BRACES: "{{name}}"}
"""


def made(root: Path, **request: object) -> spec.Ephemeral:
    return spec.load_ephemeral(root, spec.Request(**{"name": "pr-42", "branch": "b", "sha": "c0ffee", **request}))  # type: ignore[arg-type]


def problems(root: Path, **request: object) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        made(root, **request)
    return caught.value.problems or (caught.value.message,)


def test_a_service_is_the_hosts_with_what_differs(project: Write) -> None:
    found = made(project(dev=HOST, preview=TEMPLATE))
    assert (found.host, found.target, found.region, found.ttl) == ("dev", "local", "eu-west-1", "24h")
    assert found.tags == {"team": "platform"}
    assert found.services.keys() == {"api"}
    api = found.services["api"]
    assert api.image == "acme/api:1"
    assert api.environment == {"LOG_LEVEL": "info", "PLAN": "b@c0ffee", "BRACES": "{name}"}
    assert api.health.path == "/health"
    assert api.route == spec.Route(path="/api/*", host="pr-42.localhost")


def test_one_task_that_is_healthy_and_gone_fast(project: Write) -> None:
    api = made(project(dev=HOST, preview=TEMPLATE)).services["api"]
    assert (api.count, api.scale, api.deregistration_delay) == (1, None, 5)
    assert (api.health.interval, api.health.timeout, api.health.healthy_threshold) == (5, 4, 2)
    assert (api.deploy.minimum_percent, api.deploy.maximum_percent) == (100, 200)


def test_the_template_may_say_otherwise(project: Write) -> None:
    scaled = TEMPLATE + "    scale: {min: 2, max: 4, cpu: 50}\n    health: {interval: 20}\n"
    api = made(project(dev=HOST, preview=scaled)).services["api"]
    assert api.count is None
    assert api.scale == spec.Scale(min=2, max=4, cpu=50)
    assert (api.health.path, api.health.interval) == ("/health", 20)


def test_a_command_names_services_and_sets_fields(project: Write) -> None:
    settings = (
        "services.api.environment.PLAN=1",
        "services.api.cpu=512",
        "services.api.memory=1024",
        "services.api.read_only_root=false",
        "services.worker.environment.A.B=x=y",
    )
    found = made(project(dev=HOST, preview=TEMPLATE), images={"web": "acme/web:pr"}, settings=settings)
    assert found.services.keys() == {"api", "web", "worker"}
    api, web, worker = (found.services[name] for name in ("api", "web", "worker"))
    assert (api.environment["PLAN"], api.cpu, api.memory, api.read_only_root) == ("1", 512, 1024, False)
    assert (web.image, web.route) == ("acme/web:pr", spec.Route(host="pr-42--web.localhost"))
    assert (worker.environment, worker.route) == ({"A.B": "x=y"}, None)


def test_a_service_without_differences_is_made_as_it_is(project: Write) -> None:
    found = made(project(dev=HOST, preview="host: dev\nservices: {web: }\n"))
    assert found.services["web"].image == "acme/web:1"


def test_a_new_service_is_the_templates(project: Write) -> None:
    new = "host: dev\nservices:\n  new: {image: 'acme/new:{sha}', cpu: 256, memory: 512}\n"
    assert made(project(dev=HOST, preview=new)).services["new"].image == "acme/new:c0ffee"


def test_what_the_host_serves_is_borrowed(project: Write) -> None:
    served = {"api": ("/api/*", None), "web": ("/*", "www.example.com"), "docs": ("/docs/*", None)}
    found = made(project(dev=HOST, preview=TEMPLATE)).borrowing(served)
    assert found.borrowed == {
        "docs": spec.Route(path="/docs/*", host="pr-42.localhost"),
        "web": spec.Route(path="/*", host="pr-42--web.localhost"),
    }
    assert found.routes.keys() == {"api", "docs", "web"}
    # The host's own rule for docs takes requests for any host name, and none of ours is before it.
    assert found.inherited == ["docs"]
    assert found.listener_rules.keys() == {"api", "web"}


def test_routes_that_collide_are_refused(project: Write) -> None:
    found = made(project(dev=HOST, preview=TEMPLATE + "    route: {path: /docs/*}\n"))
    with pytest.raises(SpecError, match="the routes of pr-42 collide: that of 'api' takes the same requests"):
        found.borrowing({"docs": ("/docs/*", None)})


def test_it_survives_the_state(project: Write) -> None:
    found = made(project(dev=HOST, preview=TEMPLATE), settings=("services.worker.count=2",))
    found = found.borrowing({"web": ("/*", "www.example.com"), "docs": ("/docs/*", None)})
    assert found.inherited
    kept = json.dumps(found.model_dump(mode="json", exclude_defaults=True))
    assert spec.Ephemeral.model_validate(json.loads(kept)) == found


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('env: "{nmae}"', "unknown variable {nmae}. Did you mean 'name'? There are: {name}, {branch}, {sha}."),
        ('env: "{"', "a single {: write {{ for the character, {name} for a variable"),
        ('env: "a}"', "a single }: write }} for the character, {name} for a variable"),
    ],
)
def test_variables_are_strict(project: Write, line: str, problem: str) -> None:
    text = f"host: dev\nservices:\n  api:\n    environment: {{X: {line.partition(' ')[2]}}}\n"
    found = problems(project(dev=HOST, preview=text))
    assert found == (f"envs/preview.yaml:4:22: services.api.environment.X: {problem}",)


def test_a_variable_without_a_value_is_refused(project: Write) -> None:
    found = problems(project(dev=HOST, preview=TEMPLATE), branch=None)
    assert found == (
        "envs/preview.yaml:5:25: services.api.environment.PLAN: {branch} has no value: give it with --branch",
    )


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({"settings": ("foo",)}, "--set foo: must be services.SERVICE.FIELD=VALUE, such as services.api.cpu=512"),
        (
            {"settings": ("services.api.cpu=x",)},
            "--set services.api.cpu=x: services.api.cpu: must be a whole number, not 'x'",
        ),
        (
            {"settings": ("services.api.cp=1",)},
            "--set services.api.cp=1: services.api.cp: is not a field. Did you mean 'cpu'?",
        ),
        ({"settings": ("services.api=1",)}, "--set services.api=1: must be services.SERVICE.FIELD=VALUE"),
        (
            {"images": {"apj": "acme/api:2"}},
            "services.apj: there is no such service in dev and in the template. Did you mean 'api'?",
        ),
        ({"images": {"api": "A B"}}, "--image api=A B: services.api.image: 'A B' isn't an image reference"),
    ],
)
def test_a_command_that_is_wrong_names_itself(project: Write, request_: dict[str, object], problem: str) -> None:
    found = problems(project(dev=HOST, preview=TEMPLATE), **request_)
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ttl: 1h", "envs/preview.yaml:1:1: host: is missing: The environment whose network"),
        ("host: dev\nttl: 3w", "envs/preview.yaml:2:6: ttl: must be a number of minutes, hours or days"),
        (
            "host: preview",
            "envs/preview.yaml:1:7: host: must be the name of an environment, such as dev, not 'preview'",
        ),
        ("host: dev\ndomain: '*.x.com'", "envs/preview.yaml:2:9: domain: must be a domain in lower case"),
        ("host: dev\nimages: {}", "envs/preview.yaml:2:1: images: is not a field."),
        (
            "host: dev\nservices: {api: {route: {host: a.com}}}",
            "envs/preview.yaml:2:26: services.api.route.host: is decided",
        ),
        (
            "host: dev\nservices: {api: {cpu: 257}}",
            "envs/preview.yaml:2:23: services.api.cpu: 257 isn't a Fargate size",
        ),
        ("host: dev", "envs/preview.yaml:1:1: services: names no service, and neither does the command"),
    ],
)
def test_a_template_that_is_wrong(project: Write, text: str, problem: str) -> None:
    found = problems(project(dev=HOST, preview=text))
    assert any(each.startswith(problem) for each in found), found


def test_on_aws_there_has_to_be_a_domain(project: Write) -> None:
    aws = HOST.replace("target: local", "target: aws")
    assert "domain: is missing, and so is load_balancer.domain" in problems(project(dev=aws, preview=TEMPLATE))[0]
    named = f"{aws}load_balancer: {{domain: previews.example.com, certificate: none}}\n"
    assert made(project(dev=named)).domain == "previews.example.com"
    assert made(project(preview=f"{TEMPLATE}domain: pr.example.com\n")).domain == "pr.example.com"


def test_they_answer_where_the_hosts_certificate_is_good(project: Write) -> None:
    secure = f"{HOST}load_balancer: {{domain: example.com}}\n"
    assert made(project(dev=secure, preview=TEMPLATE)).domain == "example.com"
    assert made(project(preview=f"{TEMPLATE}domain: example.com\n")).domain == "example.com"
    (problem,) = problems(project(preview=f"{TEMPLATE}domain: pr.example.com\n"))
    assert problem.startswith("envs/preview.yaml:6:9: domain: must be example.com, or left out")
    # Which names an existing certificate is for nobody here knows.
    named = (
        HOST + "load_balancer: {domain: example.com, certificate: 'arn:aws:acm:eu-west-1:123456789012:certificate/1'}\n"
    )
    assert made(project(dev=named)).domain == "pr.example.com"


@pytest.mark.parametrize("name", ["dev", "preview", "a--b", "Pr-42"])
def test_names_that_are_not_for_ephemeral_environments(project: Write, name: str) -> None:
    with pytest.raises(SpecError, match="can't be the name of an ephemeral environment"):
        made(project(dev=HOST, preview=TEMPLATE), name=name)


def test_the_template_is_no_environment(project: Write) -> None:
    root = project(dev=HOST, preview=TEMPLATE, prod="extends: preview\n")
    assert spec.names(root) == ["dev", "prod"]
    with pytest.raises(SpecError, match="'preview' isn't an environment"):
        spec.load(root, "preview")
    with pytest.raises(SpecError) as caught:
        spec.load(root, "prod")
    assert "'preview' isn't an environment, but the template" in caught.value.problems[0]


def test_a_host_leaves_their_priorities_free(project: Write) -> None:
    low = HOST.replace("priority: 30000", "priority: 3")
    assert spec.load(project(dev=low), "dev").services["api"].route
    with pytest.raises(SpecError) as caught:
        spec.load(project(dev=f"{low}hosts_ephemeral: true\n"), "dev")
    assert "services.api.route.priority: up to 25000 they are for ephemeral environments" in caught.value.problems[0]


def test_without_a_template_it_says_how_to_write_one(project: Write) -> None:
    with pytest.raises(SpecError) as caught:
        made(project(dev=HOST))
    assert "`host: dev` is enough" in (caught.value.hint or "")


def test_any_environment_stands_for_all_when_the_template_is_validated(project: Write) -> None:
    assert spec.load_ephemeral(project(dev=HOST, preview="host: dev\n"), spec.ANY).services == {}
    with pytest.raises(SpecError, match="has 2 problems"):
        spec.load_ephemeral(project(preview='host: dev\ndomain: "{x}"\n'), spec.ANY)


def test_its_schema_asks_for_nothing_but_the_host() -> None:
    schema = spec.template_schema()
    assert schema["required"] == ["host"]
    service = schema["properties"]["services"]["additionalProperties"]["anyOf"][0]
    assert "required" not in service
    assert service["properties"].keys() == spec.Service.model_fields.keys()
