"""Is there room for what a run leaves, and may it be written?"""

import os
import shutil
from pathlib import Path

from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn
from cxr_xai.experiments.doctor.films import store_bytes
from cxr_xai.experiments.sweep.dry_run import size

WRITTEN = 4
"""Copies of the weights in ``last.ckpt`` and in ``previous.ckpt``, optimizer's two moments and averages included."""
SPARE = 2.0
"""Times what is needed; below, other users of the disk may end the run."""


def check(case: Case) -> Answer:
    """Compare what is free with checkpoints of a run, and with the store of films where it is yet to be built."""
    state = sum(value.numel() * value.element_size() for value in case.model.state_dict().values())
    needs = {case.outputs: float(state * (2 * WRITTEN + 1))}
    cache = case.settings["datamodule"]["cache_dir"]
    if cache is not None:
        needs[Path(cache)] = needs.get(Path(cache), 0.0) + films_to_come(case)
    words, tight, taken = [], False, dict[int, float]()
    for place, needed in needs.items():
        parent = first_there(place)
        if not os.access(parent, os.W_OK):
            return broken(f"{parent} may not be written", "name another place by paths.outputs=… or paths.cache=….")
        disk = parent.stat().st_dev  # two places may lie on one
        free = shutil.disk_usage(parent).free - taken.get(disk, 0.0)
        taken[disk] = taken.get(disk, 0.0) + needed
        words.append(f"{place} needs {size(needed)} a run of {size(max(free, 0))} free")
        if needed > free:
            return broken(words[-1], "free some, or name another place by paths.outputs=… or paths.cache=….")
        tight |= SPARE * needed > free
    if tight:
        return warn("; ".join(words), "that is tight; free some before a long run.")
    return ok("; ".join(words))


def films_to_come(case: Case) -> float:
    """Return the bytes of decoded films that are not there yet, at most; 0 where nobody knows."""
    from cxr_xai.data.films.store import find_store

    try:
        paths = [str(path) for path in case.datamodule.film_table["path"]]
    except UserError:
        return 0.0
    cache = case.datamodule.cache_dir
    there = cache is not None and find_store(paths, case.image_size, cache) is not None
    return 0.0 if there else float(store_bytes(len(paths), case.image_size))


def first_there(place: Path) -> Path:
    """Return the nearest folder above a place that exists."""
    return next(path for path in (place.absolute(), *place.absolute().parents) if path.is_dir())
