"""Will W&B have what a run logs?"""

import os
import socket
from importlib.metadata import PackageNotFoundError, version
from netrc import NetrcParseError, netrc
from pathlib import Path
from urllib.parse import urlparse

from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn

PATIENCE = 2.0
"""Seconds for the server, as in `loggers/wandb.py`."""


def check(case: Case) -> Answer:
    """Look for the client, a key, and a server that answers; the client itself would wait for minutes."""
    extra = case.settings["logger"]["extra"]
    if case.choices.get("logger") != "wandb" or extra is None:
        return ok("not asked for; logger=wandb records a run")
    try:
        have = version("wandb")
    except PackageNotFoundError:
        return broken("logger=wandb, and wandb is not installed", "pip install 'cxr-xai[wandb]'")
    mode = extra["mode"]
    place = urlparse(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai")
    key, reached = has_key(place.hostname or ""), is_reached(place.hostname or "", place.port or 443)
    known = f"{'a key' if key else 'no key'}, {place.hostname} {'answers' if reached else 'does not answer'}"
    words = f"wandb {have}, mode={mode}: {known}"
    if mode == "online" and not key:
        return broken(words, "wandb login, or set WANDB_API_KEY, or use logger.extra.mode=offline.")
    if mode == "online" and not reached:
        return broken(words, "use logger.extra.mode=offline; dashboard.py sync=true sends it elsewhere.")
    if mode == "auto" and not (key and reached):
        return warn(words, "runs will be recorded offline; scripts/dashboard.py sync=true sends them later.")
    return ok(words)


def has_key(host: str) -> bool:
    """Whether the environment or ``.netrc`` has a key."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc(Path(os.environ.get("NETRC", "~/.netrc")).expanduser()).authenticators(host) is not None
    except (OSError, NetrcParseError):
        return False


def is_reached(host: str, port: int) -> bool:
    """Whether a server answers in time."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError:
        return False
    return True
