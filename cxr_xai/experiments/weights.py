"""Where a network's first weights come from, and the refusal of those that have seen what they would be judged on."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cxr_xai.artifacts.checkpoint import UnusableCheckpoint, read_checkpoint
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.splits.file import read_split
from cxr_xai.data.splits.split import EXTERNAL, SELECTION
from cxr_xai.errors import UserError
from cxr_xai.experiments.kin import find_kin
from cxr_xai.files import hash_file, read_json
from cxr_xai.models.backbones import name_pretrained
from cxr_xai.models.known_weights import NO_FILE, find_known, find_seen, require_unseen

Settings = Mapping[str, Any]
UNKNOWN = "unknown"
RUN = "run "
"""What an entry of ``trained_on`` begins with that names a run of this program."""

USED = {"train": "trained on", "val": "chose its epoch by", SELECTION: "chose its epoch by"}
"""What a run does with the patients of its parts before it is judged."""

JUDGES = ("test", EXTERNAL)
"""Parts whose patients must have had no part in the weights at all."""


def describe_weights(settings: Settings, datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return what the certificate says of the weights that training begins with.

    ``file`` (its name) and ``sha256`` are None without a file, ``trained_on`` lists sources and runs or ``unknown``,
    ``known_by`` is ``hash``, ``name``, ``run`` or None, ``seen`` what of val and test the weights may have seen.

    Raises:
        UserError: they have seen test films of this run, or patients of its val or test.
    """
    weights = settings["model"].get("weights", "none")
    if weights in NO_FILE:
        pretrained = weights == "imagenet"
        return {
            "file": None,
            "sha256": None,
            "trained_on": ["imagenet"] if pretrained else [],
            "known_by": None,
            "source": name_pretrained(settings["model"]["backbone"]) if pretrained else None,
            "seen": [],
        }
    path = Path(weights)
    if not path.is_file():
        raise UserError(f"model.weights={path}: no such file; use imagenet, none, or the path of a state dict.")
    found = describe_file(path, datamodule)
    index, scheme, name = datamodule.source, datamodule.split.scheme, found.pop("name")
    sources = tuple(dict.fromkeys((index.name, index.origin)))  # RSNA's films are of NIH, too
    for source in sources:
        require_unseen(path, found["trained_on"], source, scheme, name)
    seen = {part for source in sources for part in find_seen(found["trained_on"], source, scheme)}
    return {"file": path.name, **found, "seen": sorted(seen, reverse=True)}


def describe_file(path: Path, datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return ``sha256``, ``trained_on``, ``known_by``, ``source`` and ``name`` of a file of weights."""
    sha256 = hash_file(path)
    if (folder := find_owner(path)) is not None:
        return {"sha256": sha256, "known_by": "run", "name": folder.path.name, **describe_run(path, folder, datamodule)}
    if (known := find_known(path, sha256)) is not None:
        row = asdict(known)
        return {
            "sha256": sha256,
            "trained_on": list(row["trained_on"]),
            "known_by": row["by"],
            "source": row["source"],
            "name": row["name"],
        }
    return {"sha256": sha256, "trained_on": [UNKNOWN], "known_by": None, "source": None, "name": ""}


def find_owner(path: Path) -> RunFolder | None:
    """Return the run folder that a checkpoint lies in, None where there is none around it."""
    folder = RunFolder(path.resolve().parent.parent)
    is_run = path.suffix == ".ckpt" and folder.split.is_file() and folder.certificate.is_file()
    return folder if is_run and path.resolve().parent == folder.checkpoints.resolve() else None


def describe_run(path: Path, folder: RunFolder, datamodule: ChestXrayDataModule) -> dict[str, Any]:
    """Return what a checkpoint of this program was trained on, the weights that its run began with included.

    Raises:
        UserError: it is not of the run that it lies in, or that run knows patients whom this one is judged by.
    """
    certificate = read_json(folder.certificate)
    try:
        read_checkpoint(path, {"configuration": certificate["config_sha256"]})
    except UnusableCheckpoint as problem:
        raise UserError(f"model.weights={path}: {problem}, and it lies in {folder.path}.") from problem
    source, split = certificate["data"]["source"], certificate["split"]
    kin = find_kin(certificate["data"], datamodule.source)
    if source == datamodule.source.name or kin == "linked":
        require_other_patients(path, folder, datamodule)
    origin = f" of {films_of}" if (films_of := certificate["data"].get("films_of")) else ""
    images = f"{split['images']['train']:,} images"
    own = f"{RUN}{folder.path.name} ({source}{origin}, split {split['sha256'][:8]}, {images})"
    before = certificate.get("weights", {"trained_on": [UNKNOWN]})["trained_on"]
    # Runs that it began with have patients in common with neither val nor test of *its* split; of another, who knows.
    unsure = kin == "unlinked" or (
        split["sha256"] != datamodule.split.hash and any(entry.startswith(RUN) for entry in before)
    )
    return {"trained_on": [own, *before, *([UNKNOWN] if unsure else [])], "source": None}


def require_other_patients(path: Path, folder: RunFolder, datamodule: ChestXrayDataModule) -> None:
    """Refuse weights of a run that knows patients of this run's other parts.

    Its training part must share none with val or test; what chose its epoch, val and the selection fold, none with
    test. Patients of val that chose once may choose again. A film is known by its own name, too, where its patient goes
    by another in either run.

    Raises:
        UserError: says how many, and of which part.
    """
    _, table = read_split(folder.split)
    studies, split = datamodule.source.studies, datamodule.split
    for part in split.parts[1:]:
        held = studies.iloc[split.rows(part)]
        for used, what in USED.items() if part in JUDGES else [("train", USED["train"])]:
            known = table[table["part"] == used]
            shared = held["patient_id"].isin(known["patient_id"]) | held["image_id"].isin(known["image_id"])
            if count := held.loc[shared, "patient_id"].nunique():
                raise UserError(
                    f"model.weights={path}: {folder.path.name} {what} {count:,} patients of this run's {part} "
                    f"part; use weights of a run with the same split (split=file split.path={folder.split})."
                )
