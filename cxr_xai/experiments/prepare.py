"""Makes a source ready and says what is in it: read, audit, decode, divide."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.artifacts.prepared_folder import PreparedFolder
from cxr_xai.data.audit.audit import Audit, audit_films
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.films.bad import BadFilm
from cxr_xai.data.films.decode import decode_film, shrink
from cxr_xai.data.splits.file import write_split
from cxr_xai.errors import UserError
from cxr_xai.experiments.assemble import build_datamodule
from cxr_xai.experiments.certify import describe_data, describe_split
from cxr_xai.experiments.terminal import ProgressBar, print_audit, print_data, quiet_libraries
from cxr_xai.files import whole, write_csv
from cxr_xai.report.prepared import write_prepared_report
from cxr_xai.visualization.embed import encode_png

SHOWN = 24
"""Pictures per kind of oddity on the page; the tables hold all."""
PICTURE_SIZE = 224

Settings = Mapping[str, Any]


def run_prepare(settings: Settings, choices: Mapping[str, str]) -> None:
    """Prepare a composed source; a second call with nothing changed decodes nothing and writes the same files."""
    quiet_libraries()
    if settings["datamodule"].get("shards") is not None:
        raise UserError(
            "films are audited in their files; leave datamodule.shards out (scripts/shards.py writes them)."
        )
    datamodule = build_datamodule(settings)
    data, split = describe_data(datamodule), describe_split(datamodule)
    print_data({"data": data, "split": split})
    name = f"{choices['datamodule']}-{choices['split']}-{data['sha256'][:8]}"
    folder = PreparedFolder(Path(settings["paths"]["outputs"]) / settings["name"] / name)
    audit = audit_source(datamodule)
    write_tables(folder, datamodule, audit)
    write_pictures(folder, datamodule, audit)
    summary = {
        "data": data,
        "split": split,
        "geometry": datamodule.geometry,
        "store": describe_store(datamodule),
        "audit": count_audit(audit),
    }
    folder.write_summary(summary)
    print_audit(summary, write_prepared_report(folder))


def audit_source(datamodule: ChestXrayDataModule) -> Audit:
    """Audit every film file of a source; films in neither part of the split have an empty part."""
    owners = datamodule.film_table[["image_id", "patient_id"]]
    owners = owners.assign(part=datamodule.split.part[owners.index.to_numpy()])
    reasons = owners["image_id"].map(datamodule.quarantine.set_index("image_id")["reason"]).fillna("")
    return audit_films(datamodule.films, datamodule.facts, owners, reasons, ProgressBar("comparing"))


def write_tables(folder: PreparedFolder, datamodule: ChestXrayDataModule, audit: Audit) -> None:
    """Write films, quarantine, missing films, duplicates and the split."""
    write_csv(folder.films, audit.films.drop(columns=["file"]))
    write_csv(folder.quarantine, datamodule.quarantine)
    studies = datamodule.source.studies.assign(part=datamodule.split.part)
    write_csv(folder.missing, studies.loc[studies["path"].isna(), ["image_id", "patient_id", "part"]])
    write_csv(folder.duplicates, audit.pairs)
    write_split(folder.split, datamodule.source.studies, datamodule.split)


def count_audit(audit: Audit) -> dict[str, Any]:
    """Return the numbers of an audit in plain types."""
    films, pairs = audit.films, audit.pairs
    fit = films[films["problem"] == ""]
    notes = fit["notes"].str.split("; ").explode()
    kinds = pairs.groupby(["patients", "parts", "kind"]).size().reset_index(name="pairs")
    return {
        "films": len(films),
        "bytes": int(films["bytes"].sum()),
        "sizes": _count(fit["width"].astype(str) + " x " + fit["height"].astype(str)),
        "modes": _count(fit["mode"]),
        "with_spacing": int(fit["spacing"].notna().sum()),
        "inverted": int((notes == "inverted").sum()),
        "pairs": kinds.to_dict("records"),
    }


def _count(column: pd.Series) -> dict[str, int]:
    return {str(value): int(number) for value, number in column.value_counts().items()}


def write_pictures(folder: PreparedFolder, datamodule: ChestXrayDataModule, audit: Audit) -> None:
    """Write small pictures of what the page shows: films in quarantine, inverted films, pairs that look the same."""
    films = audit.films
    odd = films[(films["reason"] != "") | films["notes"].str.contains("inverted")]["image_id"].head(SHOWN)
    pairs = audit.pairs.head(SHOWN)
    paths = datamodule.film_table.set_index("image_id")["path"]
    for image in dict.fromkeys([*odd, *pairs["first"], *pairs["second"]]):
        try:
            film = decode_film(Path(paths[image]).read_bytes())
        except BadFilm:
            continue  # nothing to see; the table has the reason
        with whole(folder.picture(image)) as partial:
            partial.write_bytes(encode_png(shrink(film.pixels, PICTURE_SIZE)))


def describe_store(datamodule: ChestXrayDataModule) -> dict[str, Any] | None:
    """Return name, size and source hash of the store of decoded films; None where films are decoded at every access."""
    if (store := datamodule.store) is None:
        return None
    manifest = store.manifest
    named = {key: manifest[key] for key in ("films", "size", "rule", "decoders", "sources_sha256")}
    return {"name": store.folder.name, "bytes": manifest["films"] * manifest["size"] ** 2, **named}
