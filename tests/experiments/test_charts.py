"""Charts from a table of predictions whose counts are known."""

import numpy as np
import pandas as pd

from cxr_xai.experiments.charts import draw_charts
from cxr_xai.findings import FINDINGS


def tabulate() -> pd.DataFrame:
    """Eight studies a part; of Hernia nothing is known, of Mass one target."""
    tables = []
    for part in ("val", "test"):
        for k, name in enumerate(FINDINGS):
            prob = np.linspace(0.1, 0.8, 8)
            target = (np.arange(8) >= 4 + k % 3).astype(float)
            target[0] = np.nan if name == "Mass" else target[0]
            target = np.full(8, np.nan) if name == "Hernia" else target
            ids = [f"{part}{n}" for n in range(8)]
            table = {"image_id": ids, "patient_id": ids, "part": part, "finding": name, "target": target}
            tables.append(
                pd.DataFrame(table | {"prob": prob, "calibrated": prob, "pred": (prob > 0.45).astype("int8")})
            )
    return pd.concat(tables, ignore_index=True)


def test_charts_of_a_run() -> None:
    charts = draw_charts(tabulate())
    curves = {"test/roc", "test/pr", "test/reliability", "val/roc", "val/pr"}
    assert curves | {f"confusion/{name}" for name in FINDINGS if name != "Hernia"} == charts.keys()
    drawn = {str(row[0]) for row in charts["test/roc"].rows}
    assert drawn == set(FINDINGS) - {"Hernia"}
    assert next(row[1:] for row in charts["test/roc"].rows if row[0] == "Atelectasis") == (0.0, 0.0)
    assert len(charts["test/pr"].rows) < 14 * 200


def test_confusion_counts_known_targets_at_the_threshold() -> None:
    cells = {(a, b): n for a, b, n in draw_charts(tabulate())["confusion/Mass"].rows}
    # Mass is the fifth finding: positive from the sixth study on, the first unknown; predicted from the fifth on.
    k = FINDINGS.index("Mass")
    positives = 8 - (4 + k % 3)
    assert cells[("Mass", "Mass")] == positives
    assert cells[("Mass", "no Mass")] == 0
    assert cells[("no Mass", "Mass")] == 4 - positives
    assert sum(cells.values()) == 7
