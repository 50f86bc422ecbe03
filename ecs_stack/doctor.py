"""Whether this machine and these credentials can do what the project's environments need. Changes nothing.

What only one target needs is looked at only where an environment has that target. Without a named environment,
missing credentials are a warning: whoever works on this machine alone needs none.
"""

from __future__ import annotations

import email.utils
import os
import re
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from ecs_stack import spec, states
from ecs_stack.automation import engine as engines
from ecs_stack.automation import plugins
from ecs_stack.errors import RefusedError, SpecError
from ecs_stack.results import Check, CheckState, DoctorReport
from ecs_stack.spec import Environment

#: AWS refuses a signature that is more than five minutes off; warn before that.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_CLOCK_LIMIT, _CLOCK_WARNING = 300, 60
#: Bytes. An engine is 115 MB and its build needs 2 GB for a while; state and logs are small.
_DISK_LIMIT, _DISK_WARNING = 200 * 10**6, 3 * 10**9
#: Seconds that an answer of AWS's may take before it counts as none.
_TIMEOUT = 4


def examine(root: Path | None, name: str | None = None) -> DoctorReport:
    """Check what the environments of ``root`` need, or the one called ``name``; outside of a project (None), what
    the local target needs."""
    checks: list[Check] = []
    found: list[Environment] = []
    if root is not None:
        for each in spec.names(root) if name is None else [name]:
            try:
                found.append(spec.load(root, each))
            except SpecError as error:
                checks.append(_wrong(each, error))
    on_aws = [each for each in found if each.target == "aws"]
    on_local = [each for each in found if each.target == "local"]
    checks.insert(0, _engine())
    checks += _folder(root or Path.cwd())
    if on_local or root is None:
        images = {service.image for each in on_local for service in each.services.values()}
        checks += [*_local_packages(images), _ports()]
    if on_aws:
        checks += [*_plugins(), _clock(on_aws[0].region)]
        checks += [each if name else _weaker(each) for each in _credentials(on_aws)]
    checks += [each if name else _weaker(each) for each in _states(root, found)]
    return DoctorReport(ok=all(check.state is not CheckState.FAIL for check in checks), checks=tuple(checks))


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, state=CheckState.OK, detail=detail)


def _warn(name: str, detail: str, fix: str) -> Check:
    return Check(name=name, state=CheckState.WARN, detail=detail, fix=fix)


def _fail(name: str, detail: str, fix: str) -> Check:
    return Check(name=name, state=CheckState.FAIL, detail=detail, fix=fix)


def _weaker(check: Check) -> Check:
    return replace(check, state=CheckState.WARN) if check.state is CheckState.FAIL else check


def _wrong(name: str, error: SpecError) -> Check:
    first = f": {error.problems[0]}" if error.problems else ""
    return _fail(f"environment {name}", f"{error.message.rstrip('.')}{first}", error.hint or "")


def _engine() -> Check:
    found = engines.find()
    wanted = engines.VERSION
    if found is None:
        if ways := engines.ways():
            detail = f"no Pulumi engine yet; the first preview gets {wanted} once, by {ways[0]}"
            return _warn("engine", detail, "Nothing to do, or install it: https://www.pulumi.com/docs/install/")
        detail = f"no Pulumi engine {wanted}, and no way to get one: the vendor doesn't answer and there is no Go"
        return _fail(
            "engine", detail, f"Install Pulumi {wanted} (https://www.pulumi.com/docs/install/), or Go 1.26 or newer."
        )
    if not (found.bin / "pulumi-language-python").is_file() and not shutil.which("pulumi-language-python"):
        fix = "`ecs-stack` doesn't need it; for plain `pulumi`, install Pulumi with all its language hosts."
        return _warn("engine", f"Pulumi {found.version} in {found.bin}, without its Python language host", fix)
    return _ok("engine", f"Pulumi {found.version} in {found.bin}")


def _folder(root: Path) -> Iterator[Check]:
    try:
        with tempfile.TemporaryFile(dir=root):
            yield _ok("folder", f"{root} can be written to")
    except OSError as error:
        fix = "State is kept in .ecs-stack/ there: make the folder writable, or work in a copy."
        yield _fail("folder", f"{root} can't be written to: {error.strerror}", fix)
    yield from (_disk(folder) for folder in _apart(root, _existing(engines.cache_root())))


def _apart(*folders: Path) -> list[Path]:
    """One folder of each file system."""
    return list({folder.stat().st_dev: folder for folder in reversed(folders)}.values())


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 10**9:.1f} GB free at {folder}"
    fix = f"Make room: {_DISK_WARNING // 10**9} GB are plenty."
    if free < _DISK_LIMIT:
        return _fail("disk", detail, fix)
    return _warn("disk", detail, fix) if free < _DISK_WARNING else _ok("disk", detail)


def _local_packages(images: set[str]) -> Iterator[Check]:
    missing = [each for each in _extra() if not _installed(each)]
    if missing:
        detail = f"the local target isn't installed: {', '.join(missing)} missing"
        yield _fail("local target", detail, "Install it: pip install 'ecs-stack[local]'")
    else:
        yield _ok("local target", "installed")
    if "docker" not in missing:
        docker = _docker()
        yield docker
        if docker.state is CheckState.OK and images:
            yield _images(images)


def _extra() -> list[str]:
    """The packages of the extra `local`."""
    required = metadata.requires("ecs-stack") or []
    return [re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in required if each.endswith("extra == 'local'")]


def _installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _docker() -> Check:
    from ecs_stack.local.docker import connect, find_docker_host

    address = find_docker_host()
    client = connect(address) if address else None
    if client is None:
        asked = os.environ.get("DOCKER_HOST")
        where = f" at {asked} (DOCKER_HOST)" if asked else ""
        fix = "Start Docker, or set DOCKER_HOST to where it listens; you may need to be in the group docker."
        return _fail("docker", f"no Docker engine answers{where}", fix)
    try:
        return _ok("docker", f"Docker {client.version()['Version']} at {address}")
    finally:
        client.close()


def _images(wanted: set[str]) -> Check:
    from ecs_stack.local.docker import image_exists

    missing = [image for image in sorted(wanted) if not image_exists(image)]
    if missing:
        fix = "Build or pull it (the demo's: demo/build.sh), or correct `image` in the environment file."
        return _warn("images", f"Docker has no {', '.join(missing)}, and no registry that it reaches has it", fix)
    return _ok("images", ", ".join(sorted(wanted)))


def _ports() -> Check:
    """The local cloud and its load balancers listen on free ports of the loopback address, by names below localhost."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        return _fail("ports", f"no port of 127.0.0.1 can be used: {error.strerror}", "Bring up the loopback interface.")
    try:
        address = socket.gethostbyname("localhost")
    except OSError:
        address = "nothing"
    if not address.startswith("127."):
        fix = "Put `127.0.0.1 localhost` into /etc/hosts."
        return _fail("ports", f"localhost means {address}, not this machine", fix)
    return _ok("ports", "127.0.0.1 has free ports")


def _plugins() -> Iterator[Check]:
    for plugin in plugins.needed():
        title = f"plugin {plugin.name}"
        if plugin.is_here(os.environ):
            yield _ok(title, plugin.version)
        else:
            detail = f"{plugin.version} isn't installed; the engine downloads it before the first preview on aws"
            yield _warn(title, detail, f"Nothing to do, or: {plugin.install}")


def _clock(region: str) -> Check:
    theirs = _time_at_aws(region)
    if theirs is None:
        fix = f"Check the network and proxy: https://sts.{region}.amazonaws.com has to be reachable."
        return _warn("clock", f"AWS doesn't answer in {region}, so its time isn't known", fix)
    off = round(abs(time.time() - theirs))
    detail = f"{off} s off AWS's"
    fix = "Set the clock, and keep it right with NTP: AWS refuses requests that are 5 minutes off."
    if off >= _CLOCK_LIMIT:
        return _fail("clock", detail, fix)
    return _warn("clock", detail, fix) if off >= _CLOCK_WARNING else _ok("clock", detail)


def _time_at_aws(region: str) -> float | None:
    """Seconds since the epoch, by the Date header of any answer; None without one."""
    request = urllib.request.Request(f"https://sts.{region}.amazonaws.com/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 (https, above)
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        date = error.headers.get("Date")
    except OSError:
        return None
    return email.utils.parsedate_to_datetime(date).timestamp() if date else None


def _states(root: Path | None, environments: Sequence[Environment]) -> Iterator[Check]:
    """Where stacks are kept, if not in the project's folder: whether that can be read now."""
    if root is None:
        return
    for each in environments:
        backend = states.backend_of(root, each)
        title = f"state of {each.name}"
        if backend.is_folder:
            continue
        if each.target == "local" and backend.reach:
            yield _ok(title, f"{backend.place}, in the local cloud")
            continue
        try:
            there = backend.has(each.name)
        except RefusedError as error:
            yield _fail(title, error.message, error.hint or "")
            continue
        looked = {True: "the stack is there", False: "no stack yet", None: "not looked at: only the engine can read it"}
        yield _ok(title, f"{backend.place}, {looked[there]}")


def _credentials(environments: Sequence[Environment]) -> Iterator[Check]:
    try:
        account = _account(environments[0].region)
    except RefusedError as error:
        yield _fail("credentials", error.message, error.hint or "")
        return
    yield _ok("credentials", f"for account {account}")
    for each in environments:
        title = f"account of {each.name}"
        if each.account is None:
            fix = f'Write account: "{account}" into its file: then it never goes to another one.'
            yield _warn(title, "any account is taken", fix)
        elif each.account == account:
            yield _ok(title, account)
        else:
            fix = "Use credentials of the environment's account: set AWS_PROFILE, or sign in again."
            yield _fail(title, f"it is for {each.account}, these credentials are for {account}", fix)


def _account(region: str) -> str:
    """Whose the credentials are. Raises RefusedError."""
    import boto3
    import botocore.config
    from botocore.exceptions import BotoCoreError, ClientError

    config = botocore.config.Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
    try:
        session: Any = boto3.Session(region_name=region)
        return str(session.client("sts", config=config).get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        from ecs_stack.operations.aws_errors import credentials_problem, not_reached

        raise credentials_problem(error) or not_reached(error) from error
