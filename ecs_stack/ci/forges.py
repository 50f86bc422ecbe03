"""Pull requests and their comments, as the forges' APIs have them. What a pipeline knows of itself its variables say.

GitHub: https://docs.github.com/en/rest/issues/comments, https://docs.github.com/en/rest/pulls/pulls
GitLab: https://docs.gitlab.com/api/notes/, https://docs.gitlab.com/api/merge_requests/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from ecs_stack.ci.http import Api
from ecs_stack.ci_results import OpenPreviews
from ecs_stack.errors import EcsStackError, RefusedError

_PULL = re.compile(r"(?P<path>/.+)/pull/(?P<number>\d+)")
_MERGE = re.compile(r"(?P<path>/.+?)/-/merge_requests/(?P<number>\d+)")
_NAMED = re.compile(r"(?P<forge>github|gitlab):(?P<path>[\w.-]+(?:/[\w.-]+)+)", re.ASCII)
#: git@HOST:PATH.git, ssh://git@HOST/PATH.git, https://HOST/PATH.git
_REMOTE = re.compile(r"(?:https?://|ssh://)?(?:[^@/]+@)?(?P<host>[^/:]+(?::\d+)?)[:/](?P<path>.+?)(?:\.git)?/?")


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment; ``ours`` is whether it is by whoever the token belongs to, and nobody else."""

    id: int
    body: str
    ours: bool
    url: str


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """One that is open: GitHub's number, GitLab's iid; ``branch`` is the one that is to be merged."""

    number: int
    branch: str


class Forge(Protocol):
    """A repository on a forge, reached with the pipeline's token."""

    name: str

    def open_pull_requests(self) -> Iterator[PullRequest]:
        """All that are open."""
        ...

    def comments(self, number: int) -> Iterator[Comment]:
        """Those of a pull request, oldest first."""
        ...

    def create(self, number: int, body: str) -> str:
        """Adds a comment; its address."""
        ...

    def update(self, number: int, comment: Comment, body: str) -> str:
        """Puts another text into a comment; its address."""
        ...


class GitHub:
    """A repository on GitHub."""

    name = "github"

    def __init__(self, api: str, repository: str, token: str) -> None:
        self._api = Api(
            f"{api.rstrip('/')}/repos/{repository}", {"Authorization": f"Bearer {token}", **_GITHUB_HEADERS}
        )
        self._root = Api(api.rstrip("/"), {"Authorization": f"Bearer {token}", **_GITHUB_HEADERS})

    def open_pull_requests(self) -> Iterator[PullRequest]:
        for each in self._api.all("/pulls?state=open&per_page=100"):
            yield PullRequest(number=int(each["number"]), branch=str(each["head"]["ref"]))

    def comments(self, number: int) -> Iterator[Comment]:
        me = self._user()
        for each in self._api.all(f"/issues/{number}/comments?per_page=100"):
            user = each["user"] or {}  # an account that was deleted
            ours = user.get("login") == me if me else user.get("type") == "Bot"
            yield Comment(id=each["id"], body=each["body"] or "", ours=ours, url=each["html_url"])

    def create(self, number: int, body: str) -> str:
        return str(self._api.send("POST", f"/issues/{number}/comments", {"body": body})["html_url"])

    def update(self, number: int, comment: Comment, body: str) -> str:  # noqa: ARG002 (GitLab's needs it)
        return str(self._api.send("PATCH", f"/issues/comments/{comment.id}", {"body": body})["html_url"])

    def asks_for_approval(self, environment: str) -> bool:
        """Whether jobs of a GitHub environment wait for a reviewer. One that isn't there is made without that.

        https://docs.github.com/en/rest/deployments/environments
        """
        found = self._api.get(f"/environments/{quote(environment, safe='')}", allowed=(404,)) or {}
        return any(rule["type"] == "required_reviewers" for rule in found.get("protection_rules") or ())

    def _user(self) -> str | None:
        """The token's user. None for an app's token, as GitHub Actions has one: its comments are a bot's."""
        answer = self._root.get("/user", allowed=(403,))
        return str(answer["login"]) if answer else None


class GitLab:
    """A project on GitLab."""

    name = "gitlab"

    def __init__(self, api: str, project: str, token: str) -> None:
        headers = {"PRIVATE-TOKEN": token}
        self._api = Api(f"{api.rstrip('/')}/projects/{quote(project, safe='')}", headers)
        self._root = Api(api.rstrip("/"), headers)
        self._web: str | None = None

    def open_pull_requests(self) -> Iterator[PullRequest]:
        for each in self._api.all("/merge_requests?state=opened&per_page=100"):
            yield PullRequest(number=int(each["iid"]), branch=str(each["source_branch"]))

    def comments(self, number: int) -> Iterator[Comment]:
        me = self._root.get("/user")["id"]
        for each in self._api.all(f"/merge_requests/{number}/notes?per_page=100&sort=asc&order_by=created_at"):
            ours = (each["author"] or {}).get("id") == me
            yield Comment(id=each["id"], body=each["body"], ours=ours, url=self._url(number, each["id"]))

    def create(self, number: int, body: str) -> str:
        note = self._api.send("POST", f"/merge_requests/{number}/notes", {"body": body})
        return self._url(number, note["id"])

    def update(self, number: int, comment: Comment, body: str) -> str:
        self._api.send("PUT", f"/merge_requests/{number}/notes/{comment.id}", {"body": body})
        return self._url(number, comment.id)

    def _url(self, number: int, note: int) -> str:
        """Notes come without an address of their own."""
        if self._web is None:
            self._web = self._api.get(f"/merge_requests/{number}")["web_url"]
        return f"{self._web}#note_{note}"


_GITHUB_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a pipeline's run knows: the forge, its pull request (None in others), and where its log is.

    ``prefix`` begins the names that its pipelines give to previews.
    """

    forge: Forge
    number: int | None
    url: str | None
    prefix: str = "pr"

    def open_previews(self) -> OpenPreviews:
        """The previews that pull requests which are open have, or could have."""
        numbers = sorted(each.number for each in self.forge.open_pull_requests())
        return OpenPreviews(forge=self.forge.name, names=tuple(f"{self.prefix}-{number}" for number in numbers))


def of_run(variables: Mapping[str, str]) -> Run:
    """The forge of the pipeline that this runs in, by its variables.

    Raises RefusedError outside of a pipeline, and for a run without a token.
    """
    if variables.get("GITHUB_ACTIONS") == "true":
        token = _need(variables, "GITHUB_TOKEN", "Give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`.")
        repository = variables["GITHUB_REPOSITORY"]
        run = f"{variables['GITHUB_SERVER_URL']}/{repository}/actions/runs/{variables['GITHUB_RUN_ID']}"
        forge = GitHub(variables["GITHUB_API_URL"], repository, token)
        return Run(forge=forge, number=_github_number(Path(variables["GITHUB_EVENT_PATH"])), url=run)
    if variables.get("GITLAB_CI") == "true":
        token = _need(variables, "GITLAB_TOKEN", "Give the project a masked variable of that name: a token, scope api.")
        number = variables.get("CI_MERGE_REQUEST_IID")
        return Run(
            forge=GitLab(variables["CI_API_V4_URL"], variables["CI_PROJECT_ID"], token),
            number=int(number) if number else None,
            url=variables.get("CI_JOB_URL"),
            prefix="mr",
        )
    if "JENKINS_URL" in variables:
        return _jenkins(variables)
    raise RefusedError(
        "this doesn't run in a pipeline of GitHub, GitLab or Jenkins",
        hint="`ecs-stack ci github` writes pipelines in which it does.",
    )


def named(repository: str, variables: Mapping[str, str]) -> Forge:
    """The forge of ``github:OWNER/REPOSITORY`` or ``gitlab:GROUP/PROJECT``, with the token in ``variables``.

    Raises RefusedError for another text, and without a token. A job's own token isn't among them: GitLab lets it read
    no merge requests (https://docs.gitlab.com/ci/jobs/ci_job_token/).
    """
    found = _NAMED.fullmatch(repository)
    if found is None:
        raise RefusedError(f"{repository} must be github:OWNER/REPOSITORY or gitlab:GROUP/PROJECT")
    if found["forge"] == "github":
        token = _token(variables, "GITHUB_TOKEN", "pull requests")
        return GitHub(variables.get("GITHUB_API_URL") or "https://api.github.com", found["path"], token)
    token = _token(variables, "GITLAB_TOKEN", "merge requests")
    return GitLab(variables.get("CI_API_V4_URL") or "https://gitlab.com/api/v4", found["path"], token)


def _token(variables: Mapping[str, str], name: str, what: str) -> str:
    if not variables.get(name):
        raise RefusedError(
            f"the variable {name} is missing: nobody but its holder may ask which {what} are open",
            hint=f"Give it a token that may read the repository's {what}.",
        )
    return variables[name]


def _github_number(event: Path) -> int | None:
    try:
        number = json.loads(event.read_text("utf-8")).get("pull_request", {}).get("number")
    except (OSError, ValueError) as error:
        raise EcsStackError(f"the event of this run can't be read: {error}") from error
    return int(number) if number else None


def _jenkins(variables: Mapping[str, str]) -> Run:
    """Jenkins stands before a forge, which a pull request's or the repository's address names."""
    token = _need(variables, "FORGE_TOKEN", "Bind the credential of the forge to it, as the Jenkinsfile does.")
    change = urlsplit(variables.get("CHANGE_URL", ""))
    log = variables.get("BUILD_URL")
    origin = f"{change.scheme}://{change.netloc}"
    if found := _MERGE.fullmatch(change.path):
        return Run(forge=_gitlab(origin, found["path"], token), number=int(found["number"]), url=log)
    if found := _PULL.fullmatch(change.path):
        return Run(forge=_github(origin, found["path"], token), number=int(found["number"]), url=log)
    remote = _REMOTE.fullmatch(variables.get("GIT_URL", ""))
    if remote is None:
        raise RefusedError(
            "neither CHANGE_URL nor GIT_URL say which forge this repository is on",
            hint="The plugins of GitHub's or GitLab's branch source set them.",
        )
    make = _gitlab if "gitlab" in remote["host"] else _github
    return Run(forge=make(f"https://{remote['host']}", remote["path"], token), number=None, url=log)


def _github(origin: str, path: str, token: str) -> GitHub:
    """GitHub Enterprise Server has its API below its own address."""
    api = "https://api.github.com" if origin == "https://github.com" else f"{origin}/api/v3"
    return GitHub(api, path.strip("/"), token)


def _gitlab(origin: str, path: str, token: str) -> GitLab:
    return GitLab(f"{origin}/api/v4", path.strip("/"), token)


def _need(variables: Mapping[str, str], name: str, hint: str) -> str:
    if not variables.get(name):
        raise RefusedError(f"the variable {name} is missing, and without a token the forge answers nothing", hint=hint)
    return variables[name]


__all__ = ["Comment", "Forge", "GitHub", "GitLab", "PullRequest", "Run", "named", "of_run"]
