"""Do the choices fit each other?"""

from cxr_xai.experiments.cell import name_cell
from cxr_xai.experiments.check import check_choices
from cxr_xai.experiments.doctor.case import Answer, Case, ok


def check(case: Case) -> Answer:
    """Check what a run checks before it starts; a sweep's own words are left out, for its cells are checked by it."""
    check_choices({**case.settings, "ablation": None, "sweep": [], "dry_run": False}, case.choices)
    return ok(f"fit each other; the run would be {name_cell(case.settings, case.choices)}")
