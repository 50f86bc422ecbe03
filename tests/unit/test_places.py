"""Where ephemeral environments are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecs_stack import standing
from ecs_stack.automation.backend import Backend
from ecs_stack.errors import RefusedError

AWS = "target: aws\nregion: eu-west-1\nstate: {backend: s3://BUCKET}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/dev.yaml").write_text(AWS.replace("BUCKET", "acme-dev") + "hosts_ephemeral: true\n")
    (tmp_path / "envs/prod.yaml").write_text(AWS.replace("BUCKET", "acme-prod"))
    return tmp_path


def refuse(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    def is_empty(backend: Backend) -> bool:
        if bucket in backend.url:
            raise RefusedError(f"AWS lets nobody with these credentials look into {backend.url}")
        return "acme" not in backend.url

    monkeypatch.setattr(Backend, "is_empty", is_empty)


def test_a_pull_requests_pipeline_sees_no_production(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "acme-prod")
    assert [backend.url.partition("?")[0] for backend in standing.places(root)] == ["s3://acme-dev"]


def test_what_hosts_them_has_to_be_seen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "acme-dev")
    with pytest.raises(RefusedError, match="acme-dev"):
        standing.places(root)
