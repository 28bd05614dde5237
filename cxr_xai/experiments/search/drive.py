"""Works at a search: asks for trials, runs each as a cell, watches its values of val, stops the hopeless.

A trial is a run folder like any other: the process that trains in it knows nothing of the search.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.search.space import Value
from cxr_xai.experiments.search.trials import EPOCH, FOLDER, REASON, Trial, Trials
from cxr_xai.experiments.search.values import best_of, read_values
from cxr_xai.experiments.sweep.launch import (
    POLL,
    Job,
    Reporter,
    Running,
    end_job,
    sigterm_interrupts,
    start_job,
    stop_jobs,
)
from cxr_xai.experiments.sweep.plan import Planned
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.files import write_json

PAUSE = 2.0
"""Seconds between looks at a storage that had no trial for us."""


@dataclass
class Slot:
    """A trial that is ours, and the process that trains it.

    Attributes:
        trial: of the storage.
        job: its cell.
        running: its process; None where another process works in the folder.
        hopeless: the epoch after which it was given up.
    """

    trial: Trial
    job: Job
    running: Running | None = None
    hopeless: int | None = None


class Driver:
    """Runs trials until there are as many as were asked for, those of other launches included.

    Args:
        trials: of the search.
        claim: a context in which no other launch takes a trial.
        place: a trial → its cell; called while claimed, so that it may note the cell.
        command: program and script that take a cell's overrides.
        parallel: trials at a time.
        reporter: told what happens.
    """

    def __init__(
        self,
        trials: Trials,
        claim: Callable[[], AbstractContextManager[None]],
        place: Callable[[Trial], Planned],
        command: Sequence[str],
        parallel: int,
        reporter: Reporter,
    ) -> None:
        self.trials, self.asked, self._claim, self._place = trials, trials.asked, claim, place
        self.command, self.parallel, self.reporter = command, parallel, reporter
        self.slots: list[Slot] = []
        self._idle_until = 0.0

    def run(self) -> None:
        """Work until every trial is settled.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; all processes were asked to save and have ended.
            Interrupted: SIGUSR1, likewise.
        """
        with sigterm_interrupts():
            try:
                while not self._fill() or self.slots or not self.trials.settled():
                    self.reporter.tick([slot.job for slot in self.slots], self._to_come())
                    time.sleep(POLL)
                    for slot in list(self.slots):
                        self._look(slot)
            except BaseException:  # whatever ends us, nobody would look after them
                stop_jobs([slot.running for slot in self.slots if slot.running is not None], self.reporter)
                raise
            finally:
                for slot in self.slots:
                    slot.trial.lease.release()

    def _to_come(self) -> int:
        return max(self.asked.trials - len(self._seen), 0)

    def _fill(self) -> bool:
        """Take trials for free places; return whether there was none left for us when we looked."""
        if len(self.slots) >= self.parallel or time.monotonic() < self._idle_until:
            return False
        while len(self.slots) < self.parallel:
            with self._claim():
                trial = self.trials.take()
                planned = None if trial is None else self._try_to_place(trial)
                self._seen = self.trials.look()
            if trial is None:
                self._idle_until = time.monotonic() + PAUSE
                return True
            if planned is not None:
                self._begin(trial, planned)
        return False

    def _try_to_place(self, trial: Trial) -> Planned | None:
        """Return the cell of a trial; where its values contradict each other it has failed, and None is returned.

        Edges of a space are tried one by one before anything starts, pairs of values are met here.
        """
        try:
            return self._place(trial)
        except UserError as error:  # noted and told, it is not taken up again and again
            trial.note(REASON, str(error))
            self.trials.tell(trial, "fail")
            trial.lease.release()
            nowhere = RunFolder(self.trials.search.folder)
            self.reporter.event("failed", Job(f"trial {trial.number}", (), nowhere, 0), str(error))
            return None
        except BaseException:  # whatever it was, the next launch may take the trial
            trial.lease.release()
            raise

    def _begin(self, trial: Trial, planned: Planned) -> None:
        """Note where the trial runs, and start it unless its folder has the answer already."""
        job = Job(f"trial {trial.number}", planned.cell.overrides, planned.folder, planned.epochs)
        trial.note(FOLDER, planned.folder.path.name)
        slot = Slot(trial, job)
        self.slots.append(slot)
        self._look(slot, first=True)

    def _look(self, slot: Slot, first: bool = False) -> None:
        """Report new values; stop what is hopeless, settle what has ended, start what nobody runs."""
        self._report(slot)
        if slot.running is not None and slot.running.process.poll() is None:
            return
        self._report(slot)  # what was logged since
        status = read_status(slot.job.folder, slot.job.epochs)
        if status.state is CellState.RUNNING and slot.running is None:
            if first:
                self.reporter.event("elsewhere", slot.job, str(status.owner))
        elif status.state is CellState.FINISHED:
            self._complete(slot)
        elif status.state is CellState.PRUNED or slot.hopeless is not None:
            self._prune(slot)
        elif slot.running is None:
            slot.running = start_job(slot.job, self.command)
            self.reporter.event("started", slot.job, describe_params(slot.trial.params))
        elif end_job(slot.running, self.reporter):  # another process took the folder first
            slot.running = None
        else:
            self._settle(slot, "fail", read_status(slot.job.folder).reason)

    def _report(self, slot: Slot) -> None:
        values = read_values(slot.job.folder.metrics, self.asked.monitor)
        for epoch in sorted(values.keys() - slot.trial.reported.keys()):
            hopeless = slot.trial.report(epoch, values[epoch])
            last = epoch + 1 >= slot.job.epochs  # training is over, and tables are all that stopping would save
            if hopeless and not last and slot.hopeless is None:
                slot.hopeless = epoch
                if slot.running is not None:
                    slot.running.process.terminate()  # it saves, and ends

    def _complete(self, slot: Slot) -> None:
        best = best_of(slot.trial.reported, self.asked.largest)
        if best is None:
            reason = f"{self.asked.monitor} was never a number"
            self.reporter.event("failed", slot.job, reason)
            self._settle(slot, "fail", reason)
            return
        slot.trial.note(EPOCH, best[0])
        self.reporter.event("finished", slot.job, f"{self.asked.monitor} {best[1]:.4f}")
        self._settle(slot, "complete", value=best[1])

    def _prune(self, slot: Slot) -> None:
        """Mark the folder, so that nobody takes it for cut off; the mark goes when somebody trains there again."""
        epoch, value = max(slot.trial.reported.items(), default=(-1, float("nan")))
        if not slot.job.folder.pruned.is_file():
            at = datetime.now(UTC).isoformat(timespec="seconds")
            mark = {"trial": slot.trial.number, "epoch": epoch, "monitor": self.asked.monitor, "value": value}
            write_json(slot.job.folder.pruned, {**mark, "at": at})
        slot.trial.note(EPOCH, epoch)
        self.reporter.event("pruned", slot.job, f"{self.asked.monitor} {value:.4f} after epoch {epoch}")
        self._settle(slot, "pruned")

    def _settle(self, slot: Slot, state: str, reason: str = "", value: float | None = None) -> None:
        if reason:
            slot.trial.note(REASON, reason)
        self.trials.tell(slot.trial, state, value)
        slot.trial.lease.release()
        self.slots.remove(slot)


def describe_params(params: Mapping[str, Value]) -> str:
    """Say what a trial tries, shortly.

    >>> describe_params({"optimizer.lr": 0.0001234, "loss": "focal"})
    'lr 0.00012, loss focal'
    """
    shown = {key: f"{value:.2g}" if isinstance(value, float) else str(value) for key, value in params.items()}
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in shown.items())
