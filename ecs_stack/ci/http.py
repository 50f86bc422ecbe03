"""JSON over HTTP, with the pages that forges answer lists in."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from ecs_stack.errors import EcsStackError

#: Seconds for one answer.
_TIMEOUT = 30
#: Seconds before each further try of what a forge had no answer for.
_PAUSES = (1.0, 3.0)
_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')
#: A list of a million comments is no list of comments.
_MAX_PAGES = 1000


class Api:
    """An API below ``base``; ``headers`` go with every request, and to no other host."""

    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        self._base = base
        self._headers = {"User-Agent": "ecs-stack", "Accept": "application/json", **headers}

    def get(self, path: str, *, allowed: tuple[int, ...] = ()) -> Any:
        """What is at ``path``; None where the answer has one of the ``allowed`` status codes."""
        return self._request("GET", self._base + path, allowed=allowed)[0]

    def all(self, path: str) -> Iterator[Any]:
        """Every item of a list, over all of its pages."""
        url: str | None = self._base + path
        for _ in range(_MAX_PAGES):
            if url is None:
                return
            items, link = self._request("GET", url)
            if not (isinstance(items, list) and all(isinstance(each, dict) for each in items)):
                raise EcsStackError(f"{urlsplit(url).netloc} answers with something else than a list to GET {path}")
            yield from items
            following = _NEXT.search(link)
            url = following[1] if following else None
            if url and urlsplit(url)[:2] != urlsplit(self._base)[:2]:
                raise EcsStackError(f"{urlsplit(self._base).netloc} names a next page on another host: {url}")
        if url:
            raise EcsStackError(f"{urlsplit(self._base).netloc} has more than {_MAX_PAGES} pages of {path}")

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a change. A POST is tried once: nobody knows what became of one without an answer."""
        return self._request(method, self._base + path, json.dumps(body).encode())[0]

    def _request(
        self, method: str, url: str, body: bytes | None = None, *, allowed: tuple[int, ...] = ()
    ) -> tuple[Any, str]:
        """The answer's document, and its Link header."""
        for pause in (*_PAUSES, None) if method != "POST" else (None,):
            headers = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
            request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 (https, or a test's loopback)
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                    return json.loads(answer.read() or b"null"), answer.headers.get("Link", "")
            except urllib.error.HTTPError as error:
                if error.code in allowed:
                    return None, ""
                if error.code < 500 or pause is None:
                    raise _refusal(method, url, error) from error
            except (OSError, HTTPException, ValueError) as error:
                if pause is None:
                    raise EcsStackError(f"{urlsplit(url).netloc} doesn't answer: {error}") from error
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def _refusal(method: str, url: str, error: urllib.error.HTTPError) -> EcsStackError:
    try:
        said = json.loads(error.read()).get("message", "")
    except (OSError, HTTPException, ValueError, AttributeError):
        said = ""
    at = urlsplit(url)
    hint = None
    if error.code in (401, 403, 404):
        hint = "Does the token live, and may it read and write comments of this repository's pull requests?"
    return EcsStackError(f"{at.netloc} answers {error.code} to {method} {at.path}: {said or error.reason}", hint=hint)
