"""What AWS answers to a call that it doesn't take up now, or may have carried out without saying so."""

from __future__ import annotations

import re

#: Too many requests for now. The codes that botocore and aws-sdk-go-v2 slow down for (botocore/retries/standard.py,
#: aws/retry/standard.go), without those that may mean a quota.
THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "EC2ThrottledException",
)
#: AWS's own failures (the services' lists of common errors).
FAILED = (
    "InternalFailure",
    "InternalError",
    "InternalServerError",
    "InternalServiceError",
    "InternalServiceException",
    "ServerException",
    "ServiceFailure",
    "ServiceFailureException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
)
LATER = "AWS is short of capacity for these calls, or other work uses up the account's. Run it again in a few minutes."

_PASSING = re.compile(rf"\b(?:{'|'.join((*THROTTLED, *FAILED))})\b|StatusCode: (?:429|5\d\d)")
#: A call that failed at AWS's or on its way back may have been carried out; sent again, it finds what it made.
_IN_DOUBT = re.compile(
    rf"\b(?:{'|'.join(FAILED)})\b|StatusCode: 5\d\d|[Aa]lready ?[Ee]xists|[Aa]lready ?[Aa]ssociated|already has "
    r"|\.Conflict\b|\bDuplicate\w+|\.Duplicate\b|PriorityInUse|connection reset|i/o timeout|context deadline exceeded"
)


def is_passing(message: str) -> bool:
    """Whether a failure that a provider or an SDK words so goes away by itself."""
    return _PASSING.search(message) is not None


def is_in_doubt(message: str) -> bool:
    """Whether, with a failure that is worded so, something may be there that nobody wrote down."""
    return _IN_DOUBT.search(message) is not None
