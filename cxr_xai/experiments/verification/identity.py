"""Are code, configuration, split, data and files the ones that the certificate names?"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.artifacts.certificate import describe_versions, hash_code, hash_files
from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.data.splits.file import read_split
from cxr_xai.data.splits.split import hash_division
from cxr_xai.errors import UserError
from cxr_xai.experiments.cell import hash_settings, name_cell
from cxr_xai.experiments.certify import make_card, make_certificate
from cxr_xai.experiments.verification.checks import Check, Difference, compare, judge
from cxr_xai.experiments.verification.evidence import Evidence
from cxr_xai.files import hash_file

OWN = ("code", "versions", "plans", "config_sha256", "weights")
"""Parts of the certificate that have checks of their own."""


def check_identity(evidence: Evidence) -> Iterator[Check]:
    """Check everything but the numbers."""
    yield _code(evidence)
    yield _versions(evidence)
    yield _config(evidence)
    yield judge("files", _changed_files(evidence), "every file has the hash that the summary names")
    yield _split(evidence)
    yield _certificate(evidence)
    yield _card(evidence)
    yield _plans(evidence)
    yield _weights(evidence)
    yield _ledger(evidence)


def _code(evidence: Evidence) -> Check:
    differences = compare(evidence.certificate["code"]["sha256"], hash_code(), place="code.sha256")
    return judge("code", differences, "the code at hand is the one named")


def _versions(evidence: Evidence) -> Check:
    differences = compare(evidence.certificate["versions"], describe_versions())
    if differences:
        words = "; ".join(f"{entry.place} {entry.stored} then, {entry.found} now" for entry in differences[:3])
        return Check("versions", "not checked", f"other libraries: {words}")
    return Check("versions", "holds", "Python and libraries are the ones named")


def _config(evidence: Evidence) -> Check:
    found, name = hash_settings(evidence.settings), re.sub(r"~\d+$", "", evidence.folder.path.resolve().name)
    differences = compare(evidence.certificate["config_sha256"], found, place="config_sha256")
    try:
        differences += compare(name, name_cell(evidence.settings, evidence.choices), place="name of the folder")
    except KeyError as error:
        differences.append(Difference("config.yaml", None, f"no {error}"))
    return judge("configuration", differences, "config.yaml has the hash of certificate and folder name")


def _changed_files(evidence: Evidence) -> list[Difference]:
    stored = dict(evidence.summary.get("files") or {})
    if "best" not in evidence.settings["keep"] and not evidence.folder.best.is_file():  # as the run was told
        stored.pop(evidence.folder.best.relative_to(evidence.folder.path).as_posix(), None)
    return compare(stored, hash_files(evidence.folder))


def _split(evidence: Evidence) -> Check:
    try:
        head, table = read_split(evidence.folder.split)
        owners = pd.read_csv(evidence.folder.split, skiprows=1, dtype=str, keep_default_na=False)["patient_id"]
    except (UserError, KeyError, ValueError) as error:
        return Check("split", "does not hold", f"split.csv: {error}")
    stored = evidence.certificate["split"]
    differences = compare(stored["sha256"], hash_division(table, table["part"].to_numpy()), place="split.csv")
    differences += compare(stored["scheme"], None if head is None else head["scheme"], place="scheme of split.csv")
    placed = table.assign(patient=owners)[table["part"] != ""].drop_duplicates(["patient", "part"])
    if len(torn := placed[placed["patient"].duplicated()]):
        differences.append(Difference(f"patient {torn['patient'].iloc[0]}", "in one part", "in two"))
    parts = dict(zip(table["image_id"], table["part"], strict=True))
    patients = dict(zip(table["image_id"], owners, strict=True))
    rows = evidence.predictions.drop_duplicates(["image_id", "part", "patient_id"])
    for row in rows.itertuples():
        differences += compare(row.part, parts.get(str(row.image_id)), place=f"part of {row.image_id}")
        differences += compare(row.patient_id, patients.get(str(row.image_id)), place=f"patient of {row.image_id}")
    return judge("split", differences, "split.csv has its hash, tears no patient, and agrees with the predictions")


def _certificate(evidence: Evidence) -> Check:
    """Make the certificate again: hashes of labels, lists, boxes, films and split, counts, prevalences, box halves."""
    if evidence.data is None:
        return Check("data", "not checked", evidence.why_no_data)
    try:
        found = make_certificate(evidence.data, evidence.settings, hash_settings(evidence.settings))
    except UserError as error:
        return Check("data", "not checked", str(error))
    stored = {key: value for key, value in evidence.certificate.items() if key not in OWN}
    differences = compare(stored, {key: value for key, value in found.items() if key not in OWN})
    return judge("data", differences, "labels, lists, boxes, films, split drawn again, counts: as certified")


def _card(evidence: Evidence) -> Check:
    stored = evidence.summary["protocol"]
    over = evidence.summary["classification"]["test"]["macro"]["auroc"]["over"]
    found = make_card(evidence.certificate, over).as_dict()
    return judge("protocol", compare(stored, found, place="protocol"), "the card says what the certificate says")


def _plans(evidence: Evidence) -> Check:
    plans = evidence.certificate.get("plans", [])
    differences = [
        difference
        for entry in plans
        for difference in compare(entry["sha256"], hashlib.sha256(entry["text"].encode()).hexdigest(), place="plan")
    ]
    return judge("plan", differences, f"{len(plans)} recorded, with the hash of its text" if plans else "none recorded")


def _weights(evidence: Evidence) -> Check:
    """Compare the file that training began with, where it is still there."""
    stored, given = evidence.certificate.get("weights"), evidence.settings["model"].get("weights", "none")
    if stored is None or stored["file"] is None:
        return Check("weights", "holds", f"model.weights={given} is no file")
    if not Path(given).is_file():
        return Check("weights", "not checked", f"{stored['file']} is not where it was")
    differences = compare(stored["sha256"], hash_file(Path(given)), place="weights.sha256")
    return judge("weights", differences, f"{stored['file']} has its hash")


def _ledger(evidence: Evidence) -> Check:
    ledger = read_ledger(evidence.folder.ledger)
    differences = []
    needed = ["test labels"] + (["sealed boxes"] if (evidence.localization["half"] == "sealed").any() else [])
    needed += ["selection boxes"] if evidence.folder.pareto.is_file() else []
    needed += ["training boxes"] if evidence.certificate["boxes"].get("trained_studies") else []
    for what in needed:
        if what not in set(ledger["what"]):
            differences.append(Difference(f"readings of {what}", 0, "at least 1"))
    if not np.all(ledger["time"].dropna().sort_values().to_numpy() == ledger["time"].dropna().to_numpy()):
        differences.append(Difference("times of the ledger", "out of order", "ascending"))
    times = ", ".join(f"{what} {(ledger['what'] == what).sum()} ×" for what in needed)
    return judge("ledger", differences, f"noted: {times}")
