"""Pure facts and arithmetic."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_stack.rules import (
    arns,
    deployment,
    endpoints,
    fargate,
    images,
    logs,
    names,
    policies,
    secrets,
    subnets,
    tags,
    words,
)

HERE = {"region": "eu-west-1", "account": "123456789012"}


@given(st.text("abcxyz0-", min_size=1, max_size=300), st.integers(min_value=8, max_value=255))
def test_a_cut_name_fits_and_a_short_one_stays(name: str, limit: int) -> None:
    cut = names.cut(name, limit)
    assert len(cut) <= limit
    assert cut == name if len(name) <= limit else "--" not in cut[-7:]
    assert cut == names.cut(name, limit)


def test_long_names_with_the_same_start_stay_different() -> None:
    assert names.cut("a" * 40 + "x", 32) != names.cut("a" * 40 + "y", 32)
    assert names.cut("preview-environment-long-service-name", 24) == "preview-environme-9958c6"


def test_an_automatic_name_leaves_room_for_the_suffix() -> None:
    assert len(names.auto("n" * 100, names.TARGET_GROUP)) == 24


@pytest.mark.parametrize(("cpu", "memory"), [(256, 512), (256, 2048), (1024, 8192), (4096, 30720), (16384, 122880)])
def test_sizes_that_fargate_has(cpu: int, memory: int) -> None:
    assert fargate.cpu_problem(cpu) is None
    assert fargate.memory_problem(cpu, memory) is None


def test_sizes_that_fargate_has_not() -> None:
    assert fargate.memory_problem(8192, 17408) == (
        "17408 doesn't go with cpu 8192 on Fargate. Memory for it: 16384 to 61440 in steps of 4096. "
        "17408 goes with cpu 4096."
    )
    assert fargate.memory_problem(256, 100) == "100 doesn't go with cpu 256 on Fargate. Memory for it: 512, 1024, 2048."


@given(st.integers(16, 28), st.integers(2, 6))
def test_a_vpc_that_passes_has_room_for_its_subnets(prefix: int, zones: int) -> None:
    cidr = str(ipaddress.IPv4Network(("10.0.0.0", prefix)))
    fits = subnets.vpc_cidr_problem(cidr, zones) is None
    zone = prefix
    while 2 ** (zone - prefix) < zones:
        zone += 1
    # As awsx cuts it: half of the zone is private, half of the rest is public.
    assert fits == (zone + 2 <= 27)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("nginx", (None, "nginx", None, None)),
        ("ecs-stack-demo:1", (None, "ecs-stack-demo", "1", None)),
        ("ghcr.io/acme/api:1.4.2", ("ghcr.io", "acme/api", "1.4.2", None)),
        ("localhost:5000/a/b", ("localhost:5000", "a/b", None, None)),
        (f"a@sha256:{'0' * 64}", (None, "a", None, f"sha256:{'0' * 64}")),
    ],
)
def test_image_references(reference: str, expected: tuple[str | None, ...]) -> None:
    image = images.parse(reference)
    assert image
    assert (image.registry, image.repository, image.tag, image.digest) == expected


@pytest.mark.parametrize("reference", ["", "A", "a b", "a:", "http://a/b", "a:b:c", "a@sha256:12", "-a", "a/"])
def test_what_is_no_image_reference(reference: str) -> None:
    assert images.parse(reference) is None


def test_which_images_come_from_ecr() -> None:
    found = images.ecr_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/api:1")
    assert found == images.EcrRepository("123456789012", "eu-west-1", "acme/api")
    assert images.ecr_repository("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/api")
    assert images.ecr_repository("public.ecr.aws/nginx/nginx:1") is None
    assert images.ecr_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.io/api") is None


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_partitions(region: str, partition: str) -> None:
    assert arns.partition(region) == partition


PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret"


@pytest.mark.parametrize(
    ("reference", "value_from", "resources"),
    [
        ("ssm:/a/b", f"{PARAMETER}/a/b", (f"{PARAMETER}/a/b",)),
        ("ssm:a", f"{PARAMETER}/a", (f"{PARAMETER}/a",)),
        ("secretsmanager:a/b", f"{SECRET}:a/b", (f"{SECRET}:a/b", f"{SECRET}:a/b-??????")),
        ("secretsmanager:a#k", f"{SECRET}:a:k::", (f"{SECRET}:a", f"{SECRET}:a-??????")),
        (f"{SECRET}:a-AbCdEf", f"{SECRET}:a-AbCdEf", (f"{SECRET}:a-AbCdEf",)),
        (f"{SECRET}:a-AbCdEf:k::", f"{SECRET}:a-AbCdEf:k::", (f"{SECRET}:a-AbCdEf",)),
    ],
)  # fmt: skip
def test_secret_references(reference: str, value_from: str, resources: tuple[str, ...]) -> None:
    assert secrets.problem(reference) is None
    found = secrets.resolve(reference, **HERE)
    assert (found.value_from, found.resources) == (value_from, resources)


@pytest.mark.parametrize("reference", ["hunter2", "ssm:", "secretsmanager:", "arn:aws:s3:::a", "ssm:/a b", "vault:x"])
def test_what_is_no_secret_reference(reference: str) -> None:
    assert secrets.problem(reference)
    with pytest.raises(ValueError, match="not a reference"):
        secrets.resolve(reference, **HERE)


def test_a_role_is_for_tasks_of_this_account_and_region_alone() -> None:
    (statement,) = policies.ecs_tasks_trust(**HERE)["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:123456789012:*"},
    }


def test_the_execution_role_reads_only_its_own_log_group_secrets_and_image() -> None:
    document = policies.execution(
        log_group_arn="arn:aws:logs:eu-west-1:1:log-group:/ecs/x",
        secrets=[secrets.resolve("ssm:/a", **HERE), secrets.resolve("ssm:/b", **HERE)],
        repository=images.EcrRepository("123456789012", "eu-west-2", "acme/api"),
    )
    allowed = {statement["Sid"]: (statement["Action"], statement["Resource"]) for statement in document["Statement"]}
    parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter"
    assert allowed == {
        "Logs": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            ["arn:aws:logs:eu-west-1:1:log-group:/ecs/x:*"],
        ),
        "Parameters": (["ssm:GetParameters"], [f"{parameter}/a", f"{parameter}/b"]),
        "Image": (
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            ["arn:aws:ecr:eu-west-2:123456789012:repository/acme/api"],
        ),
        "ImageToken": (["ecr:GetAuthorizationToken"], ["*"]),
    }


def test_without_secrets_or_ecr_the_execution_role_writes_logs_and_nothing_else() -> None:
    document = policies.execution(log_group_arn="arn:x", secrets=[], repository=None)
    assert [statement["Sid"] for statement in document["Statement"]] == ["Logs"]
    assert "*" not in document["Statement"][0]["Resource"]


@pytest.mark.parametrize(
    ("count", "minimum", "maximum", "stuck"),
    [
        (1, 100, 200, False), (1, 100, 199, True), (1, 0, 100, False), (1, 50, 100, True),
        (2, 50, 100, False), (3, 100, 133, True), (3, 100, 134, False), (0, 100, 100, False),
        (4, 75, 100, False), (4, 76, 100, True),
    ],
)  # fmt: skip
def test_deployments_that_can_get_stuck(count: int, minimum: int, maximum: int, stuck: bool) -> None:
    assert bool(deployment.stuck_problem(count, minimum, maximum)) == stuck


@given(st.integers(1, 300))
def test_the_percent_that_is_proposed_works(count: int) -> None:
    problem = deployment.stuck_problem(count, 100, 100)
    assert problem
    proposed = int(problem.split("Write maximum_percent ")[1].split()[0])
    assert deployment.stuck_problem(count, 100, proposed) is None


def test_the_nearest_retentions() -> None:
    assert logs.retention_problem(30) is None
    assert "The nearest are 90 and 120;" in str(logs.retention_problem(100))
    assert "The nearest are 3288 and 3653;" in str(logs.retention_problem(10_000))


def test_tags_of_an_environment() -> None:
    assert tags.resource_tags("shop", "dev", {"team": "a"}) == {
        "team": "a",
        "ecs-stack:project": "shop",
        "ecs-stack:environment": "dev",
    }
    assert tags.key_problem("team") is None
    assert tags.key_problem("k" * 129)
    assert tags.key_problem("ecs-stack:project")
    assert tags.value_problem("v" * 257)


def test_endpoints_by_short_names() -> None:
    assert endpoints.services(["s3", "ecr"]) == [
        ("Gateway", "s3"),
        ("Interface", "ecr.api"),
        ("Interface", "ecr.dkr"),
    ]
    assert endpoints.service_name("eu-west-1", "ecr.api") == "com.amazonaws.eu-west-1.ecr.api"
    assert endpoints.service_name("cn-north-1", "ecr.api") == "cn.com.amazonaws.cn-north-1.ecr.api"


@pytest.mark.parametrize(
    ("word", "near"), [("prot", "port"), ("Cpu", "cpu"), ("log-level", "log_level"), ("zzz", None)]
)
def test_near_misses(word: str, near: str | None) -> None:
    assert words.nearest(word, ["port", "cpu", "log_level"]) == near
