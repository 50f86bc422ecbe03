"""A forge on loopback: the comments of pull requests as GitHub's and GitLab's APIs have them, in pages of three."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 3
TOKEN = "a-token-of-this-run"
PULL = "acme/shop"


@dataclass
class Forge:
    """``comments`` are (author, body) by id; ``me`` is whom the token belongs to, None for an app's token."""

    me: str | None = None
    comments: dict[int, tuple[str, str]] = field(default_factory=dict)
    open: list[int] = field(default_factory=lambda: [42])
    #: The types of the protection rules of GitHub environments.
    environments: dict[str, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    #: Status codes for the next requests, before any is answered.
    failures: list[int] = field(default_factory=list)
    port: int = 0

    @property
    def author(self) -> str:
        return self.me or "github-actions[bot]"

    def add(self, author: str, body: str) -> int:
        number = 100 + len(self.comments)
        self.comments[number] = (author, body)
        return number

    @property
    def ours(self) -> list[str]:
        return [body for author, body in self.comments.values() if author == self.author]

    def github(self, number: int | None = 42, *, event: str) -> dict[str, str]:
        """The variables of a run on GitHub; ``event`` is where its event's file is."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": f"http://127.0.0.1:{self.port}",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": PULL,
            "GITHUB_RUN_ID": "7",
            "GITHUB_EVENT_PATH": event,
            "GITHUB_TOKEN": TOKEN,
        }

    def gitlab(self) -> dict[str, str]:
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": f"http://127.0.0.1:{self.port}/api/v4",
            "CI_PROJECT_ID": "9",
            "CI_MERGE_REQUEST_IID": "42",
            "CI_JOB_URL": "https://gitlab.com/acme/shop/-/jobs/7",
            "GITLAB_TOKEN": TOKEN,
        }

    def jenkins(self, path: str) -> dict[str, str]:
        return {
            "JENKINS_URL": "https://jenkins.example.com/",
            "BUILD_URL": "https://jenkins.example.com/job/shop/job/PR-42/7/",
            "CHANGE_URL": f"http://127.0.0.1:{self.port}/acme/shop/{path}",
            "FORGE_TOKEN": TOKEN,
        }

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, bool]:
        """Status, document, and whether there is another page."""
        path = path.removeprefix("/api/v3").removeprefix("/api/v4")
        lists = {
            f"/repos/{PULL}/issues/42/comments": [self._github(n) for n in self.comments],
            f"/repos/{PULL}/pulls": [{"number": n, "head": {"ref": f"branch-{n}"}} for n in self.open],
            "/projects/9/merge_requests/42/notes": [self._gitlab(n) for n in self.comments],
            "/projects/acme%2Fshop/merge_requests/42/notes": [self._gitlab(n) for n in self.comments],
            "/projects/9/merge_requests": [{"iid": n, "source_branch": f"branch-{n}"} for n in self.open],
            "/projects/acme%2Fshop/merge_requests": [{"iid": n, "source_branch": f"branch-{n}"} for n in self.open],
        }
        if method == "GET" and path in lists:
            start = (int(query.get("page", "1")) - 1) * PAGE
            return 200, lists[path][start : start + PAGE], len(lists[path]) > start + PAGE
        if path.startswith(f"/repos/{PULL}/environments/") and path.rsplit("/", 1)[1] in self.environments:
            rules = self.environments[path.rsplit("/", 1)[1]]
            return 200, {"protection_rules": [{"type": rule} for rule in rules]}, False
        if path == "/user":
            user = {"login": self.me, "id": 5}
            return (
                (200, user, False) if self.me else (403, {"message": "Resource not accessible by integration"}, False)
            )
        if path.endswith("/merge_requests/42"):
            return 200, {"web_url": "https://gitlab.com/acme/shop/-/merge_requests/42"}, False
        if method == "POST" and path in lists:
            number = self.add(self.author, body["body"])
        elif method in ("PATCH", "PUT"):
            number = int(path.rsplit("/", 1)[1])
            author, _ = self.comments[number]
            assert author == self.author, f"somebody else's comment was changed: {author}'s"
            self.comments[number] = (author, body["body"])
        else:
            return 404, {"message": "Not Found"}, False
        return 201, self._github(number) if "/repos/" in path else self._gitlab(number), False

    def _github(self, number: int) -> dict[str, Any]:
        author, body = self.comments[number]
        kind = "Bot" if author.endswith("[bot]") else "User"
        url = f"https://github.com/{PULL}/pull/42#issuecomment-{number}"
        return {"id": number, "body": body, "user": {"login": author, "type": kind}, "html_url": url}

    def _gitlab(self, number: int) -> dict[str, Any]:
        author, body = self.comments[number]
        return {"id": number, "body": body, "author": {"id": 5 if author == self.author else 6}}


@contextmanager
def served(forge: Forge) -> Iterator[Forge]:
    """The forge on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            at = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(at.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            forge.requests.append(f"{self.command} {self.path}")
            token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            if forge.failures:
                status, document, more = forge.failures.pop(0), {"message": "later"}, False
            elif token != TOKEN:
                status, document, more = 401, {"message": "Bad credentials"}, False
            else:
                status, document, more = forge.answer(self.command, at.path, query, json.loads(body or b"null"))
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            if more:
                following = f"{at.path}?page={int(query.get('page', '1')) + 1}"
                self.send_header("Link", f'<http://127.0.0.1:{forge.port}{following}>; rel="next", <x>; rel="last"')
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = handle_one

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
