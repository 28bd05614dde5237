"""Trials as processes: judged by val, stopped, continued, shared; the script is over in a moment."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from cxr_xai.errors import UserError
from cxr_xai.experiments.search import drive
from cxr_xai.experiments.search.drive import Driver
from cxr_xai.experiments.search.settings import Search
from cxr_xai.experiments.search.trials import Trial, Trials
from cxr_xai.experiments.sweep.launch import Job
from cxr_xai.experiments.sweep.plan import Planned
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.files import read_json

MakeSearch = Callable[..., Search]


class Heard:
    """A reporter that remembers, and may interrupt."""

    def __init__(self, stop_when: Callable[[], bool] | None = None) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.stop_when = stop_when

    def event(self, what: str, job: Job, note: str = "") -> None:
        self.events.append((what, job.label.partition(":")[0], note))

    def tick(self, running: Sequence[Job], waiting: int) -> None:
        if self.stop_when is not None and self.stop_when():
            self.stop_when = None
            os.kill(os.getpid(), signal.SIGINT)


def make_driver(search: Search, command: Sequence[str], jobs: int = 1, heard: Heard | None = None) -> Driver:
    """A driver that tells the script where each learning rate runs."""
    root = Path(command[-1])

    def place(trial: Trial) -> Planned:
        planned = search.plan(trial.params)
        known = json.loads((root / "folders.json").read_text())
        value = planned.cell.point["optimizer.lr"]
        (root / "folders.json").write_text(json.dumps({**known, value: str(planned.folder.path.relative_to(root))}))
        return planned

    return Driver(Trials(search), nullcontext, place, command, jobs, heard or Heard())


def started(command: Sequence[str]) -> Counter[str]:
    return Counter((Path(command[-1]) / "started").read_text().split())


def test_the_best_value_of_val_is_told_and_the_hopeless_are_stopped_and_marked(
    make_search: MakeSearch, command: list[str]
) -> None:
    search, heard = make_search("sweep.search.trials=6"), Heard()
    driver = make_driver(search, command, heard=heard)
    driver.run()
    seen = driver.trials.look()
    states = Counter(each.state for each in seen)
    assert states["complete"] + states["pruned"] == 6
    assert states["pruned"]
    for each in seen:
        folder = search.plan(each.params).folder
        lr = float(each.params["optimizer.lr"])  # type: ignore[arg-type]
        if each.state == "complete":
            assert each.value == pytest.approx(lr * 100 + 1 / 3)
            assert each.notes["epoch"] == 2
            assert read_status(folder, 3).state is CellState.FINISHED
        else:
            mark = read_json(folder.pruned)
            assert (mark["trial"], mark["monitor"]) == (each.number, "val/loss")
            assert read_status(folder, 3).state is CellState.PRUNED
            assert not folder.failure.exists()
    assert sum(what == "pruned" for what, _, _ in heard.events) == states["pruned"]
    assert set(started(command).values()) == {1}
    assert not list(search.folder.glob("*.lock"))


def test_a_search_that_was_interrupted_goes_on_as_if_it_never_was(
    make_search: MakeSearch, command: list[str], tmp_path: Path
) -> None:
    search = make_search("sweep.search.trials=5", "sweep.search.prune=null")
    (tmp_path / "slow").touch()
    log = tmp_path / "started"
    with pytest.raises(KeyboardInterrupt):
        make_driver(search, command, heard=Heard(lambda: log.exists() and len(log.read_text().split()) == 2)).run()
    first = Trials(search).look()
    assert [each.state for each in first] == ["complete", "running"]
    (tmp_path / "slow").unlink()
    driver = make_driver(search, command)
    driver.run()
    resumed = driver.trials.look()
    assert [each.number for each in resumed] == [0, 1, 2, 3, 4]
    assert {each.state for each in resumed} == {"complete"}
    assert started(command)[search.plan(first[1].params).folder.path.relative_to(tmp_path / "find").as_posix()] == 2

    undisturbed = make_search(
        "sweep.search.trials=5", "sweep.search.prune=null", "sweep.search.storage=" + str(tmp_path / "other.db")
    )
    other = make_driver(undisturbed, command)
    other.run()  # the folders have the answers, for a trial's folder is a function of its parameters
    assert [(each.params, each.value) for each in other.trials.look()] == [(e.params, e.value) for e in resumed]
    assert sum(started(command).values()) == 6, "nothing ran for the second one"


def test_a_space_with_choices_goes_on_when_more_trials_are_asked_for(
    make_search: MakeSearch, command: list[str]
) -> None:
    entry = "+sweep.search.space.optimizer.weight_decay={choices: [0.0, 1e-2]}"
    for count in (1, 2):
        driver = make_driver(make_search(f"sweep.search.trials={count}", entry), command)
        driver.run()
        assert [each.state for each in driver.trials.look()] == ["complete"] * count
    assert {each.params["optimizer.weight_decay"] for each in driver.trials.look()} <= {0.0, 0.01}
    with pytest.raises(UserError, match="holds a search with other space"):
        Trials(make_search(entry.replace("1e-2", "2e-2")))


@pytest.mark.slow
def test_two_drivers_share_the_trials(
    make_search: MakeSearch, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "sigterm_interrupts", nullcontext)  # threads stand for launches, and take no signals
    search = make_search("sweep.search.trials=6", "sweep.search.prune=null")
    (tmp_path / "slow").touch()
    lock, heard = threading.Lock(), [Heard(), Heard()]
    drivers = [make_driver(search, command, heard=each) for each in heard]
    for driver in drivers:
        driver._claim = lambda: lock  # type: ignore[assignment,return-value]
    threads = [threading.Thread(target=driver.run) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    seen = drivers[0].trials.look()
    assert [each.state for each in seen] == ["complete"] * 6
    assert set(started(command).values()) == {1}, "no trial twice"
    worked = [{label for what, label, _ in each.events if what == "started"} for each in heard]
    assert all(worked)
    assert not worked[0] & worked[1]
    assert len(worked[0] | worked[1]) == 6


def test_failed_trials_stop_nobody_and_are_tried_again_by_the_next_launch(
    make_search: MakeSearch, command: list[str], tmp_path: Path
) -> None:
    search = make_search("sweep.search.trials=3", "sweep.search.prune=null")
    (tmp_path / "fail").touch()
    driver = make_driver(search, command)
    driver.run()
    before = driver.trials.look()
    assert [(each.state, each.notes["reason"]) for each in before] == [("fail", "no films; unpack some.")] * 3
    (tmp_path / "fail").unlink()
    again = make_driver(search, command)
    assert again.trials.repeat_failed() == 3
    again.run()
    after = again.trials.look()
    assert [each.state for each in after] == ["complete"] * 3
    assert [each.params for each in after] == [each.params for each in before]


def test_values_that_make_no_run_are_a_failed_trial_and_the_search_goes_on(
    make_search: MakeSearch, command: list[str]
) -> None:
    heard = Heard()
    driver = make_driver(make_search("sweep.search.trials=2", "sweep.search.prune=null"), command, heard=heard)
    make_cell = driver._place

    def refuse_the_first(trial: Trial) -> Planned:
        if trial.number == 0:
            raise UserError("a=1 does not go with b=2.")
        return make_cell(trial)

    driver._place = refuse_the_first
    driver.run()
    first, second = driver.trials.look()
    assert (first.state, first.notes["reason"], second.state) == ("fail", "a=1 does not go with b=2.", "complete")
    assert ("failed", "trial 0", "a=1 does not go with b=2.") in heard.events
    assert not list(driver.trials.search.folder.glob("*.lock"))


def test_another_search_in_the_same_folder_is_refused(make_search: MakeSearch) -> None:
    Trials(make_search())
    Trials(make_search("sweep.search.trials=50", "sweep.search.seed=3"))
    with pytest.raises(UserError, match="holds a search with other space"):
        Trials(make_search("sweep.search.space.optimizer.lr.low=1e-4"))
    with pytest.raises(UserError, match="holds a search with other epochs"):
        Trials(make_search("trainer.max_epochs=4"))
    with pytest.raises(UserError, match="holds a search with other other settings"):
        Trials(make_search("loss.smoothing=0.1"))


def test_a_storage_that_is_none_is_named(make_search: MakeSearch, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(UserError, match=r"storage=.*text\.db cannot be opened"):
        Trials(make_search(f"sweep.search.storage={tmp_path / 'text.db'}"))
