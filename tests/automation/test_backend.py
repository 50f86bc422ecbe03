"""Where the state is, and with which environment the engine finds it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecs_stack.automation import engine_home
from ecs_stack.automation.backend import Backend
from ecs_stack.errors import RefusedError


def test_the_projects_folder_is_the_default(tmp_path: Path) -> None:
    backend = Backend.configured(tmp_path, {})
    assert backend == Backend.local(tmp_path)
    assert backend.url == f"file://{tmp_path}/.ecs-stack/state"
    assert (backend.project, backend.is_folder, backend.has("dev")) == ("ecs-stack", True, False)


def test_what_the_user_configured_wins_on_aws(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nbackend: {url: 's3://states'}\n")
    assert Backend.configured(tmp_path, {}).url == "s3://states"
    other = Backend.configured(tmp_path, {"PULUMI_BACKEND_URL": "gs://states"})
    assert (other.url, other.project, other.is_folder, other.has("dev")) == ("gs://states", "shop", False, None)
    assert not other.is_empty(), "only the engine can tell"
    assert Backend.local(tmp_path).is_folder


def test_a_passphrase_of_the_users_is_for_backends_of_the_users(tmp_path: Path) -> None:
    theirs = {"PULUMI_CONFIG_PASSPHRASE": "theirs", "HOME": "/home/ann"}
    folder, remote = Backend.local(tmp_path), Backend.configured(tmp_path, {"PULUMI_BACKEND_URL": "s3://states"})
    assert "PULUMI_CONFIG_PASSPHRASE" not in folder.environment(theirs)
    assert folder.environment(theirs)["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{tmp_path}/.ecs-stack/passphrase"
    assert folder.environment(theirs)["HOME"] == "/home/ann"
    assert remote.environment(theirs)["PULUMI_CONFIG_PASSPHRASE"] == "theirs"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in remote.environment(theirs)


def test_everybody_who_starts_at_once_gets_one_passphrase(tmp_path: Path) -> None:
    backend = Backend.local(tmp_path)

    def prepare(_: int) -> str:
        backend.prepare()
        return backend.passphrase_file.read_text()

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(prepare, range(16)))
    assert len(seen) == 1
    assert len(seen.pop()) >= 32
    assert sorted(path.name for path in backend.home.iterdir() if path.is_file()) == ["layout", "passphrase"]


def test_a_stack_is_begun_once(tmp_path: Path) -> None:
    backend = Backend.local(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: backend.begin("dev"), range(16)))
    assert made.count(True) == 1
    assert (backend.has("dev"), backend.has("other")) == (True, False)
    assert [path.name for path in (backend.home / "state" / backend.stacks_folder).iterdir()] == ["dev.json"]


def test_a_project_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: [")
    with pytest.raises(RefusedError, match=r"Pulumi\.yaml can't be read"):
        Backend.local(tmp_path)


def test_nothing_is_kept_of_a_stack_that_is_forgotten(tmp_path: Path) -> None:
    """Where the state is shared, too: not what is another stack's, nor another project's."""
    shared = tmp_path / "shared"
    names = {
        "stacks/ecs-stack/pr-4.json.bak": False,
        "stacks/ecs-stack/pr-4.json.bak.attrs": False,
        "backups/ecs-stack/pr-4/pr-4.1.json": False,
        "history/ecs-stack/pr-4/pr-4-1.history.json": False,
        "stacks/ecs-stack/pr-42.json.bak": True,
        "history/ecs-stack/pr-42/pr-42-1.history.json": True,
        "history/shop/pr-4/pr-4-1.history.json": True,
    }
    for name in names:
        (shared / ".pulumi" / name).parent.mkdir(parents=True, exist_ok=True)
        (shared / ".pulumi" / name).touch()
    Backend.configured(tmp_path, {"PULUMI_BACKEND_URL": f"file://{shared}"}).forget("pr-4")
    assert {name: (shared / ".pulumi" / name).exists() for name in names} == names


def test_who_is_signed_in_is_found_in_the_users_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"PULUMI_HOME": str(engine_home.make(tmp_path))}
    assert (tmp_path / "engine/logs").is_file()
    service = Backend.configured(tmp_path, {"PULUMI_BACKEND_URL": "https://api.pulumi.com"})
    assert Backend.local(tmp_path).environment(ours)["PULUMI_HOME"] == ours["PULUMI_HOME"]
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    assert "PULUMI_HOME" not in service.environment(ours)
    monkeypatch.setenv("PULUMI_HOME", "/home/ann/pulumi")
    assert service.environment(ours)["PULUMI_HOME"] == "/home/ann/pulumi"
