"""From a run folder to ``statements/``: every statement tested, written, and said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.estimates import require_replicates
from cxr_xai.experiments.require import require_numbers
from cxr_xai.experiments.statements.agreement import judge_agreement
from cxr_xai.experiments.statements.evidence import Located, Maps, explain_twice, locate
from cxr_xai.experiments.statements.focus import judge_focus
from cxr_xai.experiments.statements.location import judge_location
from cxr_xai.experiments.statements.separateness import judge_separateness
from cxr_xai.experiments.statements.statement import Statement, correct
from cxr_xai.experiments.statements.terminal import print_statements
from cxr_xai.experiments.studies import Studies, choose_anatomy, open_studies, read_sealed, require_paths
from cxr_xai.experiments.terminal import ProgressBar, quiet_libraries
from cxr_xai.files import write_csv, write_json
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.focus import gini, half_area
from cxr_xai.report.write import write_report

Settings = Mapping[str, Any]
Floats = npt.NDArray[np.float64]
PURPOSE = "clinical statements"
TESTS = 4
"""Statements that are corrected for together."""
NOTE = (
    "p values are from the bootstrap over patients, corrected over the four statements of this run (Holm); intervals "
    "hold one number at a time. What several runs say of one statement must be corrected over the runs, too."
)


def run_statements(settings: Settings) -> None:
    """Test the statements on a run, write ``statements/`` and the run's report again, and print what was found.

    Raises:
        UserError: a setting is no fit number, or the run or its data are not there or do not fit.
    """
    quiet_libraries()
    require_paths(settings, ["folder"], ["root", "masks"])
    require_numbers(settings, max_studies=2, batch_size=1, bootstrap=1)
    require_replicates(settings["bootstrap"], TESTS, "statements")
    folder = RunFolder(Path(settings["folder"]))
    cache = settings["paths"]["cache"]
    studies = open_studies(folder, settings["root"], cache, settings["max_studies"], PURPOSE)
    anatomy = choose_anatomy(studies.data, settings["masks"])
    trained, untrained = explain_twice(
        studies, settings["batch_size"], int(studies.settings["seed"]), ProgressBar("maps, trained and untrained")
    )
    located = locate(studies, trained[0], anatomy, ProgressBar("regions"))
    statements = correct(
        [
            judge_focus(trained, untrained, _strata(studies), studies.patient_id, settings["bootstrap"]),
            _judge_location(studies, located, settings["bootstrap"]),
            judge_separateness(trained[0], studies.pred, studies.patient_id, settings["bootstrap"]),
            judge_agreement(read_sealed(folder, PURPOSE), settings["bootstrap"]),
        ]
    )
    summary = {
        "run": folder.path.resolve().name,
        "explainer": "exact_cam",
        "films": len(studies),
        "test": studies.of,
        "patients": len(np.unique(studies.patient_id)),
        "anatomy": anatomy.name,
        "note": NOTE,
        "statements": [one.as_dict() for one in statements],
    }
    write_csv(folder.path / "statements" / "maps.csv", list_maps(studies, trained, untrained))
    write_csv(folder.path / "statements" / "location.csv", list_located(studies, located))
    write_json(folder.path / "statements" / "summary.json", summary)
    print_statements(summary, write_report(folder))


def _strata(studies: Studies) -> npt.NDArray[np.int64]:
    """``(N, K)`` number of finding × view."""
    views = np.unique(studies.view, return_inverse=True)[1]
    return views[:, None] * len(FINDINGS) + np.arange(len(FINDINGS))[None]


def _judge_location(studies: Studies, located: Located, replicates: int) -> Statement:
    n, k = located.study, located.finding
    present = studies.target[n, k] == 1
    truth = {
        "phantom: evidence in the own lesion, true positives": (located.own, present),
        "phantom: area of the own lesion, true positives": (located.own_area, present),
        "phantom: evidence in other lesions, false positives": (located.others, ~present),
        "phantom: area of other lesions, false positives": (located.others_area, ~present),
    }
    left_out = {"pairs of films without regions": located.unknown}
    strata, patients = _strata(studies)[n, k], studies.patient_id[n]
    return judge_location(located.share, located.area, present, strata, patients, replicates, truth, left_out)


def list_maps(studies: Studies, trained: tuple[Maps, Floats], untrained: tuple[Maps, Floats]) -> pd.DataFrame:
    """Return one row per study and finding: logit and focus, of the network and untrained."""
    names, findings = np.repeat(studies.image_id, len(FINDINGS)), np.tile(FINDINGS, len(studies))
    columns: dict[str, Any] = {"image_id": names, "finding": findings, "view": np.repeat(studies.view, len(FINDINGS))}
    for name, (maps, logits) in (("", trained), (" untrained", untrained)):
        columns[f"logit{name}"] = logits.ravel()
        columns[f"gini{name}"], columns[f"half area{name}"] = gini(maps).ravel(), half_area(maps).ravel()
    return pd.DataFrame(columns)


def list_located(studies: Studies, located: Located) -> pd.DataFrame:
    """Return one row per predicted (study, finding): label, and where the evidence lies."""
    return pd.DataFrame(
        {
            "image_id": studies.image_id[located.study],
            "finding": np.array(FINDINGS)[located.finding],
            "target": studies.target[located.study, located.finding],
            "share": located.share,
            "area": located.area,
            "own lesion": located.own,
            "own lesion area": located.own_area,
            "other lesions": located.others,
            "other lesions area": located.others_area,
        }
    )
