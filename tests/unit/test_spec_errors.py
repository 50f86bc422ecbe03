"""Every error of an environment file names the place, the field, and what would be right."""

# ruff: noqa: E501 (a table reads better in long lines)

from __future__ import annotations

import pytest

from ecs_stack import spec
from ecs_stack.errors import SpecError
from tests.unit.conftest import GOOD, Write, problems_of

#: What stands in the file in place of ``old``, and the one problem it makes.
CASES = [
    # Unknown fields, at every depth, with the nearest one
    ("region: eu", "regoin: eu-west-1\nregion: eu", "2:1: regoin: is not a field. Did you mean 'region'?"),
    ("    cpu: 256", "    cpu: 256\n    secret: {}", "7:5: services.api.secret: is not a field. Did you mean 'secrets'?"),
    ("route: {path", "health: {intervall: 9}\n    route: {path", "9:14: services.api.health.intervall: is not a field. Did you mean 'interval'?"),
    ("target: aws", "target: aws\nname: x", "2:1: name: is not a field. There are: target,"),
    # Missing fields point at what they are missing from
    ("    cpu: 256\n", "", "4:3: services.api.cpu: is missing: CPU units; 1024 are one vCPU."),
    ("target: aws\n", "", "1:1: target: is missing: Where the environment runs"),
    # Wrong types
    ("cpu: 256", 'cpu: "256"', "6:10: services.api.cpu: must be a whole number, not '256'"),
    ("cpu: 256", "cpu: 256.5", "6:10: services.api.cpu: must be a whole number, not the number 256.5"),
    ("port: 8080", "port: {}", "8:11: services.api.port: must be a whole number, not a mapping"),
    ("port: 8080", "port: 8080\n    command: run it", "9:14: services.api.command: must be a list, not 'run it'"),
    ("port: 8080", "port: 8080\n    command: [run, 3]", '9:20: services.api.command[1]: must be text: put it in quotes, "3"'),
    ("port: 8080", "port: 8080\n    read_only_root: no", "9:21: services.api.read_only_root: must be true or false, not 'no'"),
    ("port: 8080", "port: 8080\n    environment: {V: 1.10}", '9:22: services.api.environment.V: must be text: put it in quotes, "1.10"'),
    ("port: 8080", "port: 8080\n    environment: {V: }", "9:19: services.api.environment.V: must be text, not empty"),
    ("services:", "services:\n  worker:\n ", "4:3: services.worker: must be a mapping, not empty"),
    ("region:", "account: 012345678901\nregion:", '2:10: account: must be text: put it in quotes, "012345678901"'),
    # Values
    ("target: aws", "target: locl", "1:9: target: must be one of aws, local, not 'locl'. Did you mean 'local'?"),
    ("eu-west-1", "Ireland", "2:9: region: must be an AWS region, such as eu-west-1, not 'Ireland'"),
    ("region:", 'account: "12345"\nregion:', "2:10: account: must be the account's 12 digits, not '12345'"),
    ("acme/api:1", "ACME:1", "5:12: services.api.image: 'ACME:1' isn't an image reference"),
    ("cpu: 256", "cpu: 300", "6:10: services.api.cpu: 300 isn't a Fargate size. There are: 256, 512, 1024"),
    ("memory: 512", "memory: 4096", "7:13: services.api.memory: 4096 doesn't go with cpu 256 on Fargate. Memory for it: 512, 1024, 2048. 4096 goes with cpu 512 or 1024 or 2048."),
    ("port: 8080", "port: 70000", "8:11: services.api.port: must be 65535 or less, not the number 70000"),
    ("  api:", "  Api:", "4:3: services.Api: a service's name has 1 to 64 lower-case letters"),
    ("port: 8080", "port: 8080\n    stop_timeout: 121", "9:19: services.api.stop_timeout: must be 120 or less"),
    ("port: 8080", "port: 8080\n    count: 1\n    scale: {min: 1, max: 2, cpu: 60}", "9:12: services.api.count: can't stand beside scale"),
    ("port: 8080", "port: 8080\n    scale: {min: 3, max: 2, cpu: 60}", "9:18: services.api.scale.min: 3 is more than max, 2"),
    ("port: 8080", "port: 8080\n    scale: {min: 3, max: 4}", "9:12: services.api.scale: needs something to scale by"),
    ("port: 8080", "port: 8080\n    deploy: {maximum_percent: 100}", "9:13: services.api.deploy: no task could ever be replaced: of 1, at least 1 have to run"),
    ("port: 8080", "port: 8080\n    count: 2\n    deploy: {maximum_percent: 149}", "10:13: services.api.deploy: no task could ever be replaced: of 2, at least 2 have to run (minimum_percent 100) and at most 2 may (maximum_percent 149). Write maximum_percent 150 or more"),
    # Health
    ("port: 8080", "port: 8080\n    health: {path: up}", "9:20: services.api.health.path: must start with /, such as /up"),
    ("port: 8080", "port: 8080\n    health: {timeout: 10}", "9:23: services.api.health.timeout: 10 must be less than the interval, 10"),
    ("port: 8080", 'port: 8080\n    health: {matcher: "2xx"}', "9:23: services.api.health.matcher: must be HTTP codes from 200 to 499"),
    # Reach
    ("    port: 8080\n", "", "8:12: services.api.route: needs a port"),
    ('    route: {path: "/*"}\n', "", "8:11: services.api.port: does nothing without a route"),
    ("path: \"/*\"", "path: api", "9:19: services.api.route.path: must start with /, such as /api"),
    ("path: \"/*\"", "host: https://x.com", "9:19: services.api.route.host: must be a host name alone"),
    ("path: \"/*\"", "host: localhost", "9:19: services.api.route.host: must have a dot with letters after it"),
    ("path: \"/*\"", 'path: "/*/*/*/*/*/*"', "9:12: services.api.route: has 6 wildcards; a rule takes 5"),
    ("path: \"/*\"", "priority: 0", "9:23: services.api.route.priority: must be 1 or more"),
    # Secrets and variables
    ("port: 8080", "port: 8080\n    environment: {1A: x}", "9:19: services.api.environment.1A: isn't a variable's name"),
    ("port: 8080", 'port: 8080\n    environment: {A: x}\n    secrets: {A: "ssm:/a"}', "10:18: services.api.secrets.A: is in environment, too: keep one"),
    # Permissions
    ("port: 8080", 'port: 8080\n    permissions: [{actions: ["*"], resources: ["*"]}]', "9:30: services.api.permissions[0].actions[0]: allows everything"),
    ("port: 8080", 'port: 8080\n    permissions: [{actions: ["s3:*"], resources: ["*"]}]', "9:30: services.api.permissions[0].actions[0]: allows all of s3"),
    ("port: 8080", "port: 8080\n    permissions: [{actions: [GetObject], resources: [\"*\"]}]", "9:30: services.api.permissions[0].actions[0]: 'GetObject' isn't an IAM action"),
    ("port: 8080", "port: 8080\n    permissions: [{actions: [s3:GetObject], resources: [bucket]}]", "9:57: services.api.permissions[0].resources[0]: 'bucket' isn't an ARN"),
    ("port: 8080", "port: 8080\n    permissions: [{actions: [], resources: [\"*\"]}]", "9:29: services.api.permissions[0].actions: needs at least one"),
    # Network
    ("services:", "network: {cidr: 10.0.0.1/16}\nservices:", "3:17: network.cidr: '10.0.0.1/16' is an address inside a block. The block is 10.0.0.0/16."),
    ("services:", "network: {cidr: 10.0.0.0/8}\nservices:", "3:17: network.cidr: 10.0.0.0/8 is larger than a VPC can be. Write a /16 to /24."),
    ("services:", "network: {cidr: 10.0.0.0/24, zones: 3}\nservices:", "3:17: network.cidr: 10.0.0.0/24 is too small: the public subnets of 3 zones would be /28, and a load balancer needs /27. Write a /16 to /23."),
    ("services:", "network: {zones: 1}\nservices:", "3:18: network.zones: must be 2 or more, not the number 1"),
    ("services:", "network: {endpoints: [s3, s3]}\nservices:", "3:27: network.endpoints[1]: 's3' is here twice"),
    ("services:", "network: {endpoints: [s4]}\nservices:", "3:23: network.endpoints[0]: 's4' isn't one of s3, dynamodb"),
    ("services:", "cluster: {capacity: {fargate: 0}}\nservices:", "3:21: cluster.capacity: needs a weight above 0"),
    ("services:", "load_balancer: {allow_from: [10.0.0.0]}\nservices:", "3:30: load_balancer.allow_from[0]: '10.0.0.0' has no prefix length. For this one address: 10.0.0.0/32."),
    ("services:", "load_balancer: {allow_from: []}\nservices:", "3:29: load_balancer.allow_from: needs at least one"),
    ("services:", "load_balancer: {zone: example.com}\nservices:", "3:23: load_balancer.zone: does nothing without a domain: add one"),
    ("services:", "load_balancer: {certificate: none}\nservices:", "3:30: load_balancer.certificate: does nothing without a domain: add one"),
    ("services:", "load_balancer: {domain: a.com, certificate: a.pem}\nservices:", "3:45: load_balancer.certificate: must be a certificate's ARN in ACM"),
    ("services:", "load_balancer: {domain: a.com, zone: b.com}\nservices:", "3:38: load_balancer.zone: the domain a.com isn't in a zone called b.com"),
    ("services:", "load_balancer: {domain: localhost}\nservices:", "3:25: load_balancer.domain: needs a dot for a certificate, such as shop.localhost"),
    ("services:", "load_balancer: {certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/1'}\nservices:", "3:30: load_balancer.certificate: is in us-east-1: a load balancer takes certificates of its own region, eu-west-1"),
    ('services:\n  api:', 'account: "210987654321"\nload_balancer: {certificate: "arn:aws:acm:eu-west-1:123456789012:certificate/1"}\nservices:\n  api:', "4:30: load_balancer.certificate: belongs to account 123456789012, and the environment to 210987654321"),
    ("services:", "monitoring: {log_retention_days: 10}\nservices:", "3:34: monitoring.log_retention_days: 10 isn't a retention of CloudWatch Logs. The nearest are 7 and 14;"),
    ("services:", 'tags: {"aws:x": y}\nservices:', "3:8: tags.aws:x: a tag's name can't start with aws: or ecs-stack: (reserved)"),
    ("services:", "tags: {a: \"<\"}\nservices:", "3:11: tags.a: a tag takes letters, digits, spaces"),
    # YAML
    ("port: 8080", "port: 8080\n    port: 8081", "9:5: services.api.port: is here twice, first in line 8: keep one"),
    ("port: 8080", "port: !!python/name:os.system x", "8:11: services.api.port: unknown YAML tag"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CASES, ids=[case[2][:60] for case in CASES])
def test_one_problem(project: Write, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    problems = problems_of(project(dev=GOOD.replace(old, new, 1)), "dev")
    assert [p for p in problems if p.startswith(f"envs/dev.yaml:{expected}")], problems
    # An unknown tag leaves a text where a number should be: two problems at one place.
    assert len(problems) == 1 or "unknown YAML tag" in expected, problems


def test_a_good_file_has_no_problem(project: Write) -> None:
    environment = spec.load(project(dev=GOOD), "dev")
    assert environment.name == "dev"
    assert environment.services["api"].initial_count == 1


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(project: Write) -> None:
    text = GOOD.replace("eu-west-1", "x").replace("memory: 512", "memory: 7\n    tpyo: 1").replace("8080", "0")
    places = [problem.split(": ")[0] for problem in problems_of(project(dev=text), "dev")]
    assert places == ["envs/dev.yaml:2:9", "envs/dev.yaml:8:5", "envs/dev.yaml:9:11"]


def test_an_unknown_field_hides_no_rule_over_several_fields(project: Write) -> None:
    text = GOOD.replace("memory: 512", "memory: 7\n    tpyo: 1")
    assert len(problems_of(project(dev=text), "dev")) == 2


@pytest.mark.parametrize("value", ["hunter2", "1234", "[hunter2]", "hunter2:x#y"])
def test_a_secret_that_was_pasted_in_is_not_repeated(project: Write, value: str) -> None:
    (problem,) = problems_of(project(dev=GOOD + f"    secrets: {{PASSWORD: {value}}}\n"), "dev")
    assert problem.startswith("envs/dev.yaml:10:25: services.api.secrets.PASSWORD")
    assert "hunter2" not in problem
    assert "1234" not in problem


def _two_routes(one: str, other: str) -> str:
    service = "    image: a\n    cpu: 256\n    memory: 512\n    port: 80\n    route: "
    return f"target: local\nregion: eu-west-1\nservices:\n  a:\n{service}{one}\n  b:\n{service}{other}\n"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ('{path: "/*"}', '{path: "/*"}', "takes the same requests"),
        ("{host: a.com}", "{host: A.com}", "takes the same requests"),
        ('{path: "/a", priority: 5}', '{path: "/b", priority: 5}', "has the same priority, 5"),
        ('{path: "/a*c"}', '{path: "/ab*"}', "can take the same requests (any host /ab*), and none is more"),
        ("{host: a.*.com}", "{host: '*.b.com'}", "can take the same requests"),
    ],
)
def test_routes_that_collide(project: Write, one: str, other: str, expected: str) -> None:
    (problem,) = problems_of(project(dev=_two_routes(one, other)), "dev")
    assert problem.startswith("envs/dev.yaml:15:12: services.b.route: the route of 'a' ")
    assert expected in problem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{path: "/*"}', '{path: "/api/*"}'),
        ("{host: a.com}", "{host: b.com}"),
        ("{host: a.com}", '{path: "/*"}'),
        ("{host: '*.a.com'}", "{host: '*.b.com'}"),
        ('{path: "/a*c", priority: 1}', '{path: "/ab*"}'),
    ],
)
def test_routes_that_stand_side_by_side(project: Write, one: str, other: str) -> None:
    assert len(spec.load(project(dev=_two_routes(one, other)), "dev").routes) == 2


def test_without_nat_everything_a_task_needs_must_have_an_endpoint(project: Write) -> None:
    network = "network:\n  nat: none\n  endpoints: [s3]\n"
    text = GOOD.replace("services:", f"{network}services:") + '    secrets: {A: "ssm:/a"}\n'
    problems = problems_of(project(dev=text), "dev")
    assert problems == [
        "envs/dev.yaml:4:3: network: without NAT, tasks only start with these in endpoints, too: ecr, logs, ssm",
        "envs/dev.yaml:8:12: services.api.image: without NAT an image can only come from ECR: push it there, or "
        "write nat: single",
    ]
    assert spec.load(project(dev=text.replace("target: aws", "target: local")), "dev")


#: Five lines that stand for 100,000 values.
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in zip("abcd", "bcde", strict=True)
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1:1: region: is missing"),
        ("- a\n", "1:1: must be a mapping of fields such as 'target: aws', not a list"),
        ("target: [1,\nregion: x", "2:10: not YAML: expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", "2:1: not YAML: but found another document"),
        (b"\xff\xfe", "1:1: the file isn't UTF-8 text (byte 1)"),
        ("a: b\x00", "1:1: not YAML: unacceptable character"),
        ("target: aws\nregion: eu-west-1\n? [a]\n: b\n", "3:3: a key must be a name"),
        ("[" * 50_000, "1:1: the values are nested too deeply"),
        ("#" * 300_000, "1:1: the file is larger than 256 KiB"),
        ("a: &a [*a]", "1:1: an alias (*name) contains itself"),
        (BOMB, "1:1: the file has more than 20000 values"),
    ],
)  # fmt: skip
def test_files_that_are_no_environment(project: Write, content: str | bytes, expected: str) -> None:
    problems = problems_of(project(dev=content), "dev")
    assert problems[0].startswith(f"envs/dev.yaml:{expected}"), problems


def test_an_unknown_environment_lists_those_there_are(project: Write) -> None:
    root = project(dev=GOOD, prod=GOOD, _base=GOOD)
    with pytest.raises(SpecError) as caught:
        spec.load(root, "pord")
    assert caught.value.exit_code == 2
    assert caught.value.message == "There is no environment 'pord' (envs/pord.yaml)."
    assert caught.value.hint == "Did you mean 'prod'? There are: dev, prod. To make it, write envs/pord.yaml."


def test_a_folder_without_environments_says_where_to_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SpecError) as caught:
        spec.load(tmp_path, "dev")
    assert caught.value.hint == f"{tmp_path} has no envs/ folder: run in the folder of an ecs-stack project."
    assert spec.names(tmp_path) == []


@pytest.mark.parametrize("name", ["../dev", "Dev", "", "-", "a" * 33, "dev/", "_base"])
def test_a_name_that_can_be_none(project: Write, name: str) -> None:
    root = project(dev=GOOD, _base=GOOD)
    with pytest.raises(SpecError, match="can't be the name of an environment"):
        spec.load(root, name)
