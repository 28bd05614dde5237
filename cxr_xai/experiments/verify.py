"""Checks a run folder and says what holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.ledger import What, note_read
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.terminal import print_checks, quiet_libraries
from cxr_xai.experiments.verification.checks import Check
from cxr_xai.experiments.verification.evidence import Evidence, read_evidence
from cxr_xai.experiments.verification.identity import check_identity
from cxr_xai.experiments.verification.maps import check_again, check_maps
from cxr_xai.experiments.verification.numbers import check_numbers
from cxr_xai.experiments.verification.tables import check_tables
from cxr_xai.experiments.verification.uses import check_uses


def run_verify(settings: Mapping[str, Any]) -> None:
    """Check a folder and print a table.

    Raises:
        UserError: something does not hold, or the folder is no complete run.
    """
    quiet_libraries()
    folder = RunFolder(Path(settings["folder"]))
    evidence = read_evidence(folder, settings["root"], settings["paths"]["cache"])
    checks = list(verify(evidence, settings["recompute"]))
    print_checks(checks, folder.path)
    if broken := [check.name for check in checks if check.outcome == "does not hold"]:
        raise UserError(f"{len(broken)} of {len(checks)} checks do not hold: {', '.join(broken)}.")


def verify(evidence: Evidence, recompute: bool = False) -> Iterator[Check]:
    """Yield every check of a run folder; what was read for it is noted in its ledger first.

    Args:
        evidence: the folder and its data.
        recompute: predict again from checkpoint and data, and make the sealed maps again.
    """
    yield from _carefully("identity", check_identity(evidence))
    yield from _carefully("this reading", _note(evidence))
    yield from _carefully("tables", check_tables(evidence))
    yield from _carefully("uses of boxes", check_uses(evidence))
    yield from _carefully("numbers", check_numbers(evidence))
    yield from _carefully("maps", check_maps(evidence))
    if recompute:
        yield from _carefully("again", check_again(evidence))


def _carefully(name: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Turn what a damaged folder makes of the checks into one that does not hold; the groups after it still run."""
    try:
        yield from checks
    except Exception as error:  # there is no end to what a damaged file can raise
        reason = " ".join(str(error).split())[:200]
        yield Check(name, "does not hold", f"the rest cannot be checked: {type(error).__name__} {reason}")


def _note(evidence: Evidence) -> Iterator[Check]:
    table = evidence.localization
    reads: list[tuple[What, int]] = [("test labels", evidence.summary["classification"]["test"]["studies"])]
    if evidence.data is not None:
        reads += [("sealed boxes", int((table["half"] == "sealed").sum()))]
        reads += [("monitored boxes", int((table["half"] == "monitored").sum()))]
    try:
        for what, rows in reads:
            if rows:
                note_read(evidence.folder.ledger, what, "verification", rows)
    except OSError as error:
        yield Check("this reading", "not checked", f"could not be noted in the ledger ({error.strerror})")
