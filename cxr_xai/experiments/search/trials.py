"""Trials in a storage that several launches share: the only door to Optuna.

A trial that runs is claimed by a lease beside the storage. Where its launch dies, the claim lapses, and another launch
goes on with the same trial: none is lost and none is made twice.
"""

import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_xai.errors import UserError
from cxr_xai.experiments.search.settings import Search, describe
from cxr_xai.experiments.search.space import Entry, Value
from cxr_xai.lease import Lease, find_owner

if TYPE_CHECKING:
    import optuna

IDENTITY = "search"
"""Attribute of the storage's study that says what is searched; ``AGAIN`` names the failed trial that one repeats."""
AGAIN, FOLDER, REASON, EPOCH = "again", "folder", "reason", "epoch"
PATIENCE = 60
"""Seconds that one launch waits for another that writes to a file."""


@dataclass
class Trial:
    """One trial that is ours.

    Attributes:
        number: counted from 0.
        params: what it tries, as a run is given it.
        lease: the claim on it.
        handle: Optuna's.
        reported: value of each epoch that the storage has.
    """

    number: int
    params: dict[str, Value]
    lease: Lease
    handle: "optuna.Trial"
    reported: dict[int, float] = field(default_factory=dict)

    def report(self, epoch: int, value: float) -> bool:
        """Note a value of val; return whether the trial is hopeless beside the others."""
        self.handle.report(value, epoch)
        self.reported[epoch] = value
        return self.handle.should_prune()

    def note(self, key: str, value: Value) -> None:
        """Note something about the trial."""
        self.handle.set_user_attr(key, value)


@dataclass(frozen=True)
class Seen:
    """What a storage knows of a trial.

    Attributes:
        number: counted from 0.
        state: ``running``, ``complete``, ``pruned``, ``fail`` or ``waiting``.
        value: best value of val; None where there is none.
        params: what it tried, as a run is given it.
        values: of its epochs.
        notes: folder, reason, epoch, as far as they are known.
    """

    number: int
    state: str
    value: float | None
    params: dict[str, Value]
    values: Mapping[int, float]
    notes: Mapping[str, Any]


class Trials:
    """The trials of a search, in a storage that may be shared.

    Args:
        search: what is looked for.

    Raises:
        UserError: Optuna is not installed, the storage cannot be opened, or holds another search.
    """

    def __init__(self, search: Search) -> None:
        self.search, self.asked = search, search.asked
        self.study = open_study(search)
        require_same(self.study, search)
        self.study.pruner = self._make_pruner()

    def _make_pruner(self) -> "optuna.pruners.BasePruner":
        from optuna.pruners import MedianPruner, NopPruner

        if (prune := self.asked.prune) is None:
            return NopPruner()
        return MedianPruner(n_startup_trials=prune.after, n_warmup_steps=prune.warmup)

    def _prepare(self, number: int) -> None:
        """Draw each trial from a stream of its own: what a trial tries depends on those before it, not on launches."""
        from optuna.samplers import TPESampler

        seed = int(np.random.SeedSequence([self.asked.seed, number]).generate_state(1)[0])
        self.study.sampler = TPESampler(seed=seed, n_startup_trials=self.asked.startup)

    def look(self) -> list[Seen]:
        """Return all trials, those that were repeated left out."""
        trials = self.study.get_trials(deepcopy=False)
        repeated = {trial.user_attrs.get(AGAIN) for trial in trials}
        return [self._see(trial) for trial in trials if trial.number not in repeated]

    def _see(self, trial: "optuna.trial.FrozenTrial") -> Seen:
        params = trial.system_attrs.get("fixed_params", trial.params)
        return Seen(
            trial.number,
            trial.state.name.lower(),
            trial.value,
            {key: entry.settle(params[key]) for key, entry in self.asked.space.items() if key in params},
            trial.intermediate_values,
            trial.user_attrs,
        )

    def claim(self, number: int) -> Path:
        """Return the file that stands for the claim on a trial."""
        return self.search.folder / f"trial-{number}.lock"

    def repeat_failed(self) -> int:
        """Let each failed trial be tried once more, with the same parameters; return how many there are."""
        failed = [seen.number for seen in self.look() if seen.state == "fail"]
        trials = {trial.number: trial for trial in self.study.get_trials(deepcopy=False)}
        for number in failed:
            self.study.enqueue_trial(trials[number].params, user_attrs={AGAIN: number})
        return len(failed)

    def take(self) -> Trial | None:
        """Return a trial to work at: one whose launch has died, one to be repeated, or a new one; None for now.

        Call it while no other launch can do the same.
        """
        seen = self.look()
        for each in seen:
            if each.state == "running" and (lease := self._take_lease(each.number)):
                return self._begin(each.number, lease)
        if len(seen) >= self.asked.trials and not any(each.state == "waiting" for each in seen):
            return None
        self._prepare(len(self.study.get_trials(deepcopy=False)))
        handle = self.study.ask()
        lease = self._take_lease(handle.number)
        return None if lease is None else self._begin(handle.number, lease)

    def _take_lease(self, number: int) -> Lease | None:
        path = self.claim(number)
        lease = Lease(path)
        return lease if find_owner(path) is None and lease.take(timeout=0) else None

    def _begin(self, number: int, lease: Lease) -> Trial:
        """Draw what the trial has not yet drawn."""
        from optuna import Trial as Handle

        self._prepare(number)
        [frozen] = [trial for trial in self.study.get_trials(deepcopy=False) if trial.number == number]
        handle = Handle(self.study, frozen._trial_id)
        params = {key: entry.settle(suggest(handle, entry)) for key, entry in self.asked.space.items()}
        return Trial(number, params, lease, handle, dict(frozen.intermediate_values))

    def settled(self) -> bool:
        """Whether nothing is left to run or to wait for."""
        seen = self.look()
        return len(seen) >= self.asked.trials and all(each.state not in ("running", "waiting") for each in seen)

    def tell(self, trial: Trial, state: str, value: float | None = None) -> None:
        """Settle a trial: ``complete`` with its value, ``pruned`` or ``fail``."""
        from optuna.trial import TrialState

        self.study.tell(trial.handle, value, state=TrialState[state.upper()])

    def importance(self) -> dict[str, float]:
        """Return which share of the success each setting explains, largest first (PED-ANOVA, Watanabe et al. 2023).

        Empty with fewer than 10 finished trials, whose best tenth would be none, or where nothing can be told.
        """
        from optuna.importance import get_param_importances

        if sum(seen.state == "complete" for seen in self.look()) < 10 or len(self.asked.space) < 2:
            return {}
        try:
            return dict(sorted(get_param_importances(self.study).items(), key=lambda item: -item[1]))
        except (RuntimeError, ValueError):  # all trials are alike
            return {}


def suggest(handle: "optuna.Trial", entry: Entry) -> Value:
    """Draw one parameter, or return what was drawn before."""
    if entry.choices is not None:
        chosen: Value = handle.suggest_categorical(entry.key, entry.choices)
        return chosen
    if entry.whole:
        step = int(entry.step or 1)
        return handle.suggest_int(entry.key, int(entry.low), int(entry.high), step=step, log=entry.log)
    return handle.suggest_float(entry.key, entry.low, entry.high, step=entry.step, log=entry.log)


def open_study(search: Search) -> "optuna.Study":
    """Open the storage, or make it.

    Raises:
        UserError: Optuna is not installed, or the storage cannot be opened.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError("sweep=search needs Optuna; pip install 'cxr-xai[search]'.") from error
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(logging.WARNING)
    place = search.asked.storage or str(search.folder / "trials.db")
    is_file = "://" not in place
    if is_file:
        Path(place).absolute().parent.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{Path(place).absolute()}" if is_file else place
    options = {"connect_args": {"timeout": PATIENCE}} if url.startswith("sqlite") else {}
    try:
        storage = optuna.storages.RDBStorage(url, engine_kwargs=options)
        return optuna.create_study(
            storage=storage,
            study_name=search.home.name,
            direction="maximize" if search.asked.largest else "minimize",
            load_if_exists=True,
        )
    except (SQLAlchemyError, sqlite3.Error, RuntimeError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"sweep.search.storage={place} cannot be opened ({reason}); name another file.") from error


def require_same(study: "optuna.Study", search: Search) -> None:
    """Refuse a storage with trials of another search.

    Raises:
        UserError: names what differs.
    """
    now = describe(search)
    before = study.user_attrs.get(IDENTITY)
    if before is None:
        study.set_user_attr(IDENTITY, now)
        return
    if differ := [key for key in now if now[key] != before.get(key)]:
        way_out = " fresh=true moves it aside," if search.asked.storage is None else ""
        raise UserError(
            f"{search.home} holds a search with other {differ[0]}; trials could not be compared:{way_out} "
            "name=… begins another."
        )
