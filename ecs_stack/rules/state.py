"""Where state is kept and what encrypts its secrets: the URLs that the environment file takes, and the engine's.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/, https://www.pulumi.com/docs/iac/concepts/secrets/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from ecs_stack.rules import names

#: What encrypts secrets where nothing else is said (Pulumi Cloud has its own).
PASSPHRASE = "passphrase"  # noqa: S105 (a word, not a secret)

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_BUCKET_LENGTH = 63
#: https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
_ALIAS = re.compile(r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}")
_KEY_ID = re.compile(r"(?:mrk-)?[0-9a-f-]{32,36}")
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)/[a-zA-Z0-9/_-]+")
_REGION_ONLY = {"region"}


@dataclass(frozen=True)
class Bucket:
    """State in S3: the objects whose keys begin with ``prefix`` (empty, or with a slash at its end)."""

    name: str
    prefix: str
    region: str


def backend_problem(url: str) -> str | None:
    """What is wrong with a file's ``state.backend``; None if nothing is."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        if not _BUCKET.fullmatch(parts.netloc):
            return "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"
        return None if parse_qs(parts.query).keys() <= _REGION_ONLY else "takes ?region=REGION and nothing else"
    if parts.scheme == "file":
        return None if not parts.netloc and parts.path.startswith("/") else "needs a whole path: file:///FOLDER"
    if parts.scheme == "https" and parts.netloc:
        return None
    return f"must be s3://BUCKET, file:///FOLDER or https://api.pulumi.com, not '{url}'"


def secrets_problem(provider: str) -> str | None:
    """What is wrong with a file's ``state.secrets``; None if nothing is."""
    if provider == PASSPHRASE:
        return None
    key, _, query = provider.removeprefix("awskms://").partition("?")
    # An ARN has colons, which a URL has only in its path: awskms:///arn:aws:kms:...
    right = _ALIAS.fullmatch(key) or _KEY_ID.fullmatch(key) or _KEY_ARN.fullmatch(key.removeprefix("/"))
    if not provider.startswith("awskms://") or not right:
        return f"must be passphrase, awskms://alias/NAME, awskms://KEY-ID or awskms:///KEY-ARN, not '{provider}'"
    return None if parse_qs(query).keys() <= _REGION_ONLY else "takes ?region=REGION and nothing else"


def engine_backend(url: str, region: str, *, emulated: bool = False) -> str:
    """A file's ``state.backend`` as the engine takes it: a bucket's region is the environment's if the file names none.

    An emulated S3 has one host for all buckets. Where it answers isn't in the URL: that may change.
    """
    if not url.startswith("s3://"):
        return url
    return f"{_in_region(url, region)}{'&use_path_style=true' if emulated else ''}"


def engine_secrets(provider: str | None, region: str) -> str | None:
    """A file's ``state.secrets`` as the engine takes it; None for what the backend does by itself."""
    if provider is None or not provider.startswith("awskms://"):
        return provider
    return _in_region(provider, region)


def bucket(url: str, region: str) -> Bucket | None:
    """The bucket that a backend's URL names; None for other backends, and for an S3 that isn't AWS's own way.

    ``region`` is the bucket's where the URL has none.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if parts.scheme != "s3" or not query.keys() <= {*_REGION_ONLY, "use_path_style"}:
        return None
    prefix = parts.path.strip("/")
    return Bucket(parts.netloc, f"{prefix}/" if prefix else "", query.get("region", [region])[0])


def alias(provider: str | None) -> str | None:
    """The KMS alias that a secrets provider names, such as alias/NAME; None if it names none."""
    key = (provider or "").removeprefix("awskms://").partition("?")[0]
    return key if _ALIAS.fullmatch(key) else None


def default_bucket(project: str, account: str, region: str) -> str:
    """The bucket of a project whose files name none. Buckets' names are one space for all accounts of a partition."""
    rest = f"-state-{account}-{region}"
    start = re.sub(r"[^a-z0-9-]+", "-", project.lower()).strip("-") or "ecs-stack"
    return f"{names.cut(start, _BUCKET_LENGTH - len(rest))}{rest}"


def default_alias(bucket_name: str) -> str:
    """The alias of the key that is made together with a bucket."""
    return f"alias/{bucket_name.replace('.', '-')}"


def _in_region(url: str, region: str) -> str:
    return url if "?" in url else f"{url}?region={region}"
