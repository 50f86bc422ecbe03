"""Names and URLs of where state is kept."""

from __future__ import annotations

import pytest

from ecs_stack.rules import state


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://acme", state.Bucket("acme", "", "eu-west-1")),
        ("s3://acme/all/of/it?region=us-east-1", state.Bucket("acme", "all/of/it/", "us-east-1")),
        ("s3://acme?region=eu-west-1&use_path_style=true", state.Bucket("acme", "", "eu-west-1")),
        ("s3://acme?profile=ops", None),
        ("s3://acme?endpoint=minio:9000", None),
        ("file:///srv/state", None),
        ("https://api.pulumi.com", None),
    ],
)
def test_the_bucket_of_a_url(url: str, expected: state.Bucket | None) -> None:
    assert state.bucket(url, "eu-west-1") == expected


@pytest.mark.parametrize(
    ("provider", "alias"),
    [
        ("awskms://alias/acme", "alias/acme"),
        ("awskms://alias/team/acme?region=eu-west-1", "alias/team/acme"),
        ("awskms://1234abcd-12ab-34cd-56ef-1234567890ab", None),
        ("awskms:///arn:aws:kms:eu-west-1:123456789012:alias/acme", None),
        ("passphrase", None),
        (None, None),
    ],
)
def test_the_alias_of_a_secrets_provider(provider: str | None, alias: str | None) -> None:
    assert state.alias(provider) == alias
    assert provider is None or state.secrets_problem(provider) is None


def test_a_projects_own_bucket_is_within_the_limits() -> None:
    assert state.default_bucket("shop", "123456789012", "eu-west-1") == "shop-state-123456789012-eu-west-1"
    long = state.default_bucket("My Very Long Project, With Words and Signs!", "123456789012", "ap-southeast-2")
    assert len(long) <= 63
    assert state.backend_problem(f"s3://{long}") is None
    assert state.secrets_problem(f"awskms://{state.default_alias('acme.state')}") is None
