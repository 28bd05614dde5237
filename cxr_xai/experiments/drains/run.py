"""From a run folder to ``drains/``: ranking and maps of pneumothorax with and without a chest drain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.protocol import read_card
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.data.index import Index
from cxr_xai.data.neatx import read_drain_file
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.errors import UserError
from cxr_xai.experiments.controls.run import build_source
from cxr_xai.experiments.drains.maps import FINDING, compare_boxes, locate, summarize_places
from cxr_xai.experiments.drains.ranking import PUBLISHED, rank_drains
from cxr_xai.experiments.drains.terminal import print_drains
from cxr_xai.experiments.explaining import build_explainer
from cxr_xai.experiments.reopen import read_settings
from cxr_xai.experiments.require import require_numbers
from cxr_xai.experiments.studies import open_studies, read_sealed, require_paths
from cxr_xai.experiments.terminal import quiet_libraries
from cxr_xai.experiments.verification.evidence import require_known_targets
from cxr_xai.files import write_csv, write_json
from cxr_xai.report.published import why_not
from cxr_xai.report.write import write_report

Settings = Mapping[str, Any]
PURPOSE = "drain audit"


def run_drains(settings: Settings) -> None:
    """Audit a run, write ``drains/`` and the run's report again, and print what was found.

    Raises:
        UserError: a setting is unfit, the run is not complete, or nothing says which films have a drain.
    """
    quiet_libraries()
    require_paths(settings, ["folder"], ["root", "drains"])
    require_numbers(settings, max_studies=2, bootstrap=1)
    folder = RunFolder(Path(settings["folder"]))
    summary, replicates = folder.read_summary(), settings["bootstrap"]
    table = read_test(folder)
    drains, whose, source = find_drains(folder, settings, table["image_id"])
    found = table["image_id"].map(drains).fillna("").to_numpy(str)
    columns = {key: table[key].to_numpy(np.float64) for key in ("target", "logit")}
    patients = table["patient_id"].to_numpy(str)
    audit: dict[str, Any] = {
        "run": folder.path.resolve().name,
        "finding": FINDING,
        "drains": whose,
        "protocol": summary["protocol"]["label"],
        "published": {} if why_not(read_card(summary["protocol"])) else PUBLISHED,
        **rank_drains(columns["target"], columns["logit"], found, patients, replicates),
        "boxes": compare_boxes(read_sealed(folder, PURPOSE), drains, replicates),
        "planted": None,
    }
    if source == "phantom":
        placed = place_maps(folder, settings, drains)
        audit["planted"] = summarize_places(placed, replicates)
        write_csv(folder.path / "drains" / "films.csv", placed)
    write_json(folder.path / "drains" / "summary.json", audit)
    print_drains(audit, write_report(folder))


def find_drains(folder: RunFolder, settings: Settings, images: pd.Series) -> tuple["pd.Series[str]", str, str]:
    """Return ``yes`` or ``no`` by image id, who says so, and the name of the run's source.

    Args:
        folder: of the run.
        settings: ``drains``, a file in the layout of NEATX or a list of films that have one, goes before what the
            source itself knows; ``root``.
        images: of the test part; of a mere list the others have none.

    Raises:
        UserError: nobody says so.
    """
    own = read_settings(folder)
    require_known_targets(own)
    source = str(folder.read_summary()["protocol"]["source"])
    if settings["drains"] is not None:
        path = Path(settings["drains"])
        return read_drain_file(path).place(images.unique()).dropna(), path.name, source
    datamodule = {**own["datamodule"], "root": settings["root"] or own["datamodule"]["root"]}
    index: Index = build_source({"datamodule": datamodule}).tables
    if "drain" not in index.attributes:
        raise UserError(
            f"nothing says which films of {index.name} have a drain; give drains=FILE, the chest drains of NEATX or a "
            "CSV with the columns image_id and drain."
        )
    whose = "as planted" if source == "phantom" else "of datamodule.reader.neatx"
    return index.attributes.set_index("image_id")["drain"].dropna(), whose, source


def read_test(folder: RunFolder) -> pd.DataFrame:
    """Return the rows of pneumothorax of the test part; the reading is noted."""
    table = pd.read_parquet(folder.predictions)
    table = table[(table["part"] == "test") & (table["finding"] == FINDING)]
    note_read(folder.ledger, "test labels", PURPOSE, len(table))
    return table.reset_index(drop=True)


def place_maps(folder: RunFolder, settings: Settings, drains: "pd.Series[str]") -> pd.DataFrame:
    """Open the run on its phantom and look where its maps of pneumothorax lie."""
    cache = settings["paths"]["cache"]
    studies = open_studies(folder, settings["root"], cache, settings["max_studies"], PURPOSE)
    truth = PhantomTruth(studies.data.root, studies.data.image_size)
    explainer = build_explainer(studies.settings["explainer"], studies.data)
    return locate(studies, truth, explainer, drains)
