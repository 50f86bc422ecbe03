"""What the engine's failures mean to the user. The texts are what engine 3.259.0 printed."""

from __future__ import annotations

import signal

import pulumi.automation as auto
import pytest
from pulumi.automation.errors import create_command_error

from ecs_stack.automation.events import Problem, Recorder
from ecs_stack.automation.failures import engine_killed, interruption, translate, unreadable
from ecs_stack.errors import EcsStackError, EngineError, LockedError, RefusedError, UpdateFailedError


def failure(stderr: str = "", stdout: str = "") -> auto.CommandError:
    return create_command_error(auto.CommandResult(stdout, stderr, 255))


def translated(error: auto.CommandError, *problems: Problem) -> EcsStackError:
    return translate(error, environment="dev", doing="up", recorder=Recorder(problems=list(problems)))


def locked(host: str, pid: int) -> auto.CommandError:
    return failure(
        "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) "
        "to end or delete the lock file with `pulumi cancel`.\n"
        "  file:///srv/my%20shop/.ecs-stack/state/.pulumi/locks/organization/ecs-stack/dev/7a.json"
        "?no_tmp_dir=true: "
        f"created by ann@{host} (pid {pid}) at 2026-11-24T10:35:05+01:00"
    )


def test_a_lock_says_who_holds_it_and_since_when() -> None:
    error = translated(locked("build-7", 4711))
    assert isinstance(error, LockedError)
    assert error.exit_code == 2
    assert "ann@build-7 (pid 4711) since 2026-11-24 09:35:05 UTC" in error.message


def test_the_providers_words_without_a_traceback_and_without_echoes() -> None:
    error = translated(
        failure(stdout="..."),
        Problem("Service dev-api", "1 error occurred:\n\t* creating ECS Service: no such cluster\n"),
        Problem(None, "update failed"),
    )
    assert isinstance(error, UpdateFailedError)
    assert error.message == (
        "the up of dev failed: Service dev-api: 1 error occurred: * creating ECS Service: no such cluster"
    )
    crash = Problem(None, 'boom\nTraceback (most recent call last)\n  File "x.py", line 3')
    assert translated(failure(), crash).message == "the up of dev failed: boom"


def test_calls_that_the_end_cut_short_are_no_cause() -> None:
    closing = Problem(None, "awsx:ec2:Vpc resource 'dev' has a problem: grpc: the client connection is closing")
    assert translated(failure(), closing, Problem("Role dev", "denied")).message.endswith("failed: Role dev: denied")
    assert translated(failure(), closing).message.endswith("the client connection is closing")


def test_several_failures_are_listed() -> None:
    error = translated(failure(), Problem("Vpc dev", "full"), Problem("Role dev", "denied"))
    assert error.message == "the up of dev failed, 2 errors"
    assert error.problems == ("Vpc dev: full", "Role dev: denied")


def test_a_failure_without_diagnostics_has_the_engines_last_error() -> None:
    error = translated(failure("warning: x\nerror: could not read the bucket: denied"))
    assert error.message == "the up of dev failed: could not read the bucket: denied"


def test_a_wrong_passphrase() -> None:
    error = translated(failure("error: getting secrets manager: incorrect passphrase"))
    assert isinstance(error, EngineError)
    assert ".ecs-stack/passphrase" in (error.hint or "")


def test_an_interruption_says_what_was_done() -> None:
    error = interruption("dev", "up", Recorder())
    assert error.exit_code == 130
    assert "0 changes were made" in error.message


def test_an_interrupted_preview_touched_nothing() -> None:
    error = interruption("dev", "preview", Recorder())
    assert (error.exit_code, error.hint) == (130, None)
    assert "nothing was touched" in error.message


def test_throttling_is_said_to_pass() -> None:
    error = translated(failure(), Problem("Role dev", "CreateRole: Throttling: Rate exceeded"))
    assert error.exit_code == 1
    assert error.hint is not None
    assert "Run it again in a few minutes" in error.hint


def test_an_engine_that_was_killed() -> None:
    error = engine_killed("dev", "up", signal.SIGKILL, Recorder())
    assert (
        error.message
        == "the engine was killed (SIGKILL) in the middle of the up of dev: 0 changes were made that it told of"
    )
    assert error.exit_code == 1
    assert "run out of memory" in str(error.hint)
    assert "nothing was touched" in engine_killed("dev", "preview", signal.SIGKILL, Recorder()).message


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            'error: unable to open state directory "file:///srv": stat /srv: no such file or directory',
            "used: unable to",
        ),
        (
            "error: could not create secrets manager for new stack: secrets (code=NotFound): operation error KMS: "
            "Encrypt, https response error StatusCode: 400, RequestID: 3f6e, NotFoundException: Key alias/x not found",
            "the key of the state of dev can't be used: Encrypt failed: NotFoundException: Key alias/x not found",
        ),
        (
            "error: error listing stacks: could not list bucket: blob (code=NotFound): operation error S3: "
            "ListObjectsV2, https response error StatusCode: 404, RequestID: a, HostID: b, NoSuchBucket: not there",
            "the bucket of the state of dev can't be used: ListObjectsV2 failed: NoSuchBucket: not there",
        ),
        (
            'error: read ".pulumi/meta.yaml": blob (code=Unknown): operation error S3: GetObject, get identity: get '
            "credentials: failed to refresh cached credentials, no EC2 IMDS role found",
            "AWS doesn't know who you are: there are no credentials for the bucket",
        ),
        ("error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions", "Pulumi Cloud"),
    ],
)
def test_a_state_that_the_engine_can_not_get_at_is_refused(said: str, message: str) -> None:
    """Texts of engine 3.259.0, against MiniStack and without."""
    for error in (translated(failure(said)), unreadable(failure(said), environment="dev", place="s3://acme")):
        assert isinstance(error, RefusedError)
        assert message in error.message
        assert error.hint
