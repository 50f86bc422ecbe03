"""botocore sessions for the local cloud: apart from the user's account, and light."""

from __future__ import annotations

import functools
import os
from typing import Any

import botocore.loaders
import botocore.session

#: The user's profiles and settings are for the user's account: an AWS_PROFILE must not matter to the local cloud.
_NO_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def make() -> Any:
    """A session of its own. Sessions aren't thread-safe, their clients are (botocore's documentation)."""
    made = botocore.session.Session(session_vars=_NO_SETTINGS)
    made.register_component("data_loader", _descriptions())
    made.set_credentials("local", "local")  # the local cloud takes any
    return made


@functools.cache
def _descriptions() -> botocore.loaders.Loader:
    """What botocore knows of the services, for all sessions: it takes 0.2 s to read those that a run uses."""
    loader: botocore.loaders.Loader = botocore.session.Session(session_vars=_NO_SETTINGS).get_component("data_loader")
    return loader
