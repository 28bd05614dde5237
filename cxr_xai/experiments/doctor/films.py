"""Do films decode, and are they decoded already?"""

import time
from pathlib import Path

from cxr_xai.data.films.decode import decode_film
from cxr_xai.data.films.store import find_store
from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn
from cxr_xai.experiments.sweep.dry_run import size
from cxr_xai.experiments.sweep.show import duration

TRIED = 4
"""Films, evenly over all; a truncated copy is likely among them, and it takes a tenth of a second."""


def check(case: Case) -> Answer:
    """Decode a few films; say whether the store is there, or how large it will be and how long it will take."""
    try:
        paths = [Path(path) for path in case.datamodule.film_table["path"]]
    except UserError:
        if case.choices["datamodule"] == "phantom" and not Path(case.settings["datamodule"]["root"]).is_dir():
            return ok("none yet, the phantom draws them")
        paths = []
    if not paths:
        return broken("there are none to look at", "mend the data first.")
    chosen = paths[:: max(len(paths) // TRIED, 1)][:TRIED]
    start = time.perf_counter()
    bad = {}
    for path in chosen:
        try:
            decode_film(path.read_bytes())
        except Exception as error:  # whatever is wrong with it, the film is the answer
            bad[path.name] = str(error).splitlines()[0] if str(error) else type(error).__name__
    each = (time.perf_counter() - start) / max(len(chosen), 1)
    if len(bad) == len(chosen):
        name, reason = next(iter(bad.items()))
        return broken(f"none of {len(chosen)} tried decodes; {name}: {reason}", "look at the files; unpack them again.")
    where = describe_store(case, [str(path) for path in paths], each)
    if bad:
        name, reason = next(iter(bad.items()))
        audit = "scripts/prepare.py finds all such files; runs put them in quarantine."
        return warn(f"{len(bad)} of {len(chosen)} tried do not decode; {name}: {reason}", audit)
    return ok(f"{len(chosen)} tried decode, {1000 * each:.0f} ms each; {where}")


def describe_store(case: Case, paths: list[str], each: float) -> str:
    """Say where decoded films are, or what they will take."""
    cache, side = case.datamodule.cache_dir, case.image_size
    if cache is None:
        return "no store, every epoch decodes again"
    if (store := find_store(paths, side, cache)) is not None:
        return f"store {store.name} is there"
    return f"store to be built: {size(store_bytes(len(paths), side))}, {duration(len(paths) * each)} of a core"


def store_bytes(films: int, side: int) -> int:
    """Return the bytes of a store.

    >>> store_bytes(112_120, 224)
    5625733120
    """
    return films * side * side
