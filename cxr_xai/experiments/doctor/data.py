"""Are label file, lists and films where the settings say?"""

from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn


def check(case: Case) -> Answer:
    """Read the tables, look for the films and divide them, as a run would; nothing is decoded."""
    try:
        datamodule = case.datamodule
    except UserError:
        if case.choices["datamodule"] != "phantom":
            raise
        root = case.settings["datamodule"]["root"]
        return ok(f"the phantom is not there yet; the first run draws it to {root}")
    index = datamodule.source
    there, listed = int(index.present.sum()), len(index.studies)
    if not there:
        return broken(f"none of {listed:,} listed films is below {datamodule.root}", "unpack images_001 … there.")
    split = datamodule.scheme.split(index)
    parts = {part: int(index.present[split.rows(part)].sum()) for part in split.parts}
    words = f"{index.name}: {there:,} of {listed:,} films; " + ", ".join(f"{n:,} {part}" for part, n in parts.items())
    if empty := [part for part, count in parts.items() if not count]:
        return broken(
            f"{words}: no film for {', '.join(empty)}", "unpack more of the release, or choose another split."
        )
    if there < listed:
        return warn(words, f"{listed - there:,} listed films are missing; runs go on without them and say so.")
    return ok(words)
