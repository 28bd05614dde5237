"""What makes a script of a function: configuration in, and every mistake answered in a line or two.

Imports nothing heavy: ``--help`` and ``--cfg job`` answer in the time that Python and Hydra need.
"""

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from cxr_xai.errors import UserError
from cxr_xai.experiments.failures import explain_failure, is_said_by_another
from cxr_xai.signals import STOP, Interrupted

CONF = Path(__file__).parents[2] / "conf"
PLUGINS = str(Path(__file__).parent / "plugins")
if PLUGINS not in sys.path:
    sys.path.append(PLUGINS)  # Hydra finds the namespace package hydra_plugins there

Task = Callable[[dict[str, Any], dict[str, str]], None]
"""``(resolved configuration, chosen member of each group)`` → nothing."""


def command(config_name: str) -> Callable[[Task], Callable[[], None]]:
    """Turn a task into a script's ``main``: compose ``conf/<config_name>.yaml``, run, report errors.

    A ``UserError`` or a composition error ends in one or two lines on standard error and exit status 1.
    ``HYDRA_FULL_ERROR=1`` shows the traceback instead.
    """

    def decorate(task: Task) -> Callable[[], None]:
        @wraps(task)
        def main() -> None:
            full = _is_full_error_asked_for()
            failures: list[UserError] = []
            with ends_in_a_line(config_name, full):
                with _errors_reach_us(full), STOP.listening():  # from here on: the imports of a task take seconds
                    hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(
                        _job(task, failures)
                    )()
                if failures:
                    raise failures[0]

        return main

    return decorate


@contextmanager
def ends_in_a_line(config_name: str, full: bool = False) -> Iterator[None]:
    """Answer errors for people, interruptions and requests to stop by a line on standard error and an exit status."""
    try:
        with errors_end_in_a_line(config_name, full):
            yield
    except KeyboardInterrupt:
        print(f"interrupted: {name_command()} continues where it stopped", file=sys.stderr)
        sys.exit(130)
    except Interrupted as signal:
        if os.environ.get("SLURM_PROCID", "0") != "0":
            sys.exit(0)  # the first process tells; a second bad status would have Slurm kill it while it does
        print(str(signal).replace("the same command", name_command()), file=sys.stderr)
        sys.exit(128 + signal.signum)


@contextmanager
def errors_end_in_a_line(config_name: str, full: bool = False) -> Iterator[None]:
    """Answer errors for people by a line on standard error and status 1."""
    try:
        yield
    except (UserError, HydraException, OmegaConfBaseException) as error:
        if full:
            raise
        if not is_said_by_another(error):
            print(f"error: {explain_error(error, config_name)}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def explained(settings: Mapping[str, Any]) -> Iterator[None]:
    """Turn what the machine refuses inside into an error for people."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if (said := explain_failure(error, settings)) is None:
            raise
        raise UserError(said) from error


def name_command() -> str:
    """Say what continues a run: the same command, but for the word that would move it aside."""
    fresh = any(re.fullmatch(r"\+*fresh=(true|yes|on|1)", word, re.IGNORECASE) for word in sys.argv[1:])
    return "the same command without fresh=true" if fresh else "the same command"


FULL, OURS = "HYDRA_FULL_ERROR", "CXR_XAI_FULL_ERROR"
"""What makes Hydra raise its errors, and what tells the processes that inherit it that nobody asked for tracebacks."""


def _is_full_error_asked_for() -> bool:
    return os.environ.get(FULL) == "1" and OURS not in os.environ


@contextmanager
def _errors_reach_us(full: bool) -> Iterator[None]:
    """Let Hydra raise, for it would print its own many lines and exit."""
    before = {name: os.environ.get(name) for name in (FULL, OURS)}
    os.environ.update({FULL: "1"} if full else {FULL: "1", OURS: "0"})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _job(task: Task, failures: list[UserError]) -> Callable[[DictConfig], None]:
    """Keep errors for people out of Hydra's hands, which would print the overrides before them."""

    def run(config: DictConfig) -> None:
        try:
            settings, choices = _plain(config, HydraConfig.get().runtime.choices)
            with explained(settings):
                task(settings, choices)
        except UserError as error:
            failures.append(error)

    return run


def chosen_launcher() -> tuple[str, dict[str, Any]]:
    """Return name and settings of ``hydra/launcher``, within a script."""
    config = HydraConfig.get()
    settings: Any = OmegaConf.to_container(config.launcher, resolve=True)
    return str(config.runtime.choices["hydra/launcher"]), settings


def compose(config_name: str, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the script would hand to its task: resolved settings and chosen members.

    Args:
        config_name: a primary configuration, ``train``.
        overrides: as on the command line.

    Raises:
        UserError: a mandatory key has no value, or an override is wrong.
    """
    try:
        with _ready():
            return _to_plain(hydra.compose(config_name, list(overrides), return_hydra_config=True))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain_error(error, config_name)) from error


def _ready() -> AbstractContextManager[None]:
    """Make Hydra ready to compose, unless a script that is at work has done so, with folders of its own perhaps."""
    if GlobalHydra.instance().is_initialized():
        return nullcontext()
    started: AbstractContextManager[None] = hydra.initialize_config_dir(str(CONF), version_base="1.3")
    return started


def _to_plain(config: DictConfig) -> tuple[dict[str, Any], dict[str, str]]:
    """Return resolved settings and chosen members of a configuration that still has Hydra's own part."""
    choices = config.hydra.runtime.choices
    with open_dict(config):
        del config["hydra"]
    return _plain(config, choices)


def _plain(config: DictConfig, choices: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    if missing := sorted(OmegaConf.missing_keys(config)):
        raise UserError(f"{missing[0]} has no value; give it on the command line: {missing[0]}=…")
    settings: Any = OmegaConf.to_container(config, resolve=True)
    return settings, {group: str(name) for group, name in choices.items() if "/" not in group}


def explain_error(error: Exception, config_name: str) -> str:
    """Say in one line what is wrong with an override, and what was probably meant."""
    if isinstance(error, UserError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, MissingConfigException) and (found := re.search(r"Could not find '([^']+)'", text)):
        group, _, name = found[1].rpartition("/")
        members = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
        return f"{group}={name}: no such member; {group} has {', '.join(members)}.{_suggest(name, members)}"
    if found := re.search(r"Could not override '([^']+)'", text):
        return f"no configuration key {found[1]!r} in {config_name}.yaml.{_suggest(found[1], known_keys(config_name))}"
    if found := re.search(r"In '[^']+': Could not find '([^']+)'|Key '([^']+)' is not in struct", text):
        name = found[1] or found[2]
        return f"no configuration key {name!r} in {config_name}.yaml.{_suggest(name, known_keys(config_name))}"
    return text.removesuffix("Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.").strip()


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, [key for key in known if key != name], n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def known_keys(config_name: str) -> list[str]:
    """Return every dotted key and group of the configuration without overrides."""
    with _ready():
        config = hydra.compose(config_name, return_hydra_config=True)
    keys = [group for group in config.hydra.runtime.choices if "/" not in group and "@" not in group]
    with open_dict(config):
        del config["hydra"]

    def walk(node: DictConfig, prefix: str) -> None:
        for key in node:
            name = str(key)
            keys.append(f"{prefix}{name}")
            child = (
                OmegaConf.select(node, name, throw_on_missing=False) if not OmegaConf.is_missing(node, name) else None
            )
            if isinstance(child, DictConfig):
                walk(child, f"{prefix}{name}.")

    walk(config, "")
    return keys
