"""The figure of tested statements: effects of one scale, from -1 to 1, around 0."""

from collections.abc import Mapping
from typing import Any

from cxr_xai.report.figures import make_row
from cxr_xai.report.format import interval, is_known
from cxr_xai.visualization.rows import draw_rows

NAMES = {
    "focus": "focus, beyond untrained",
    "location": "place, TP − FP",
    "separateness": "alike, one film − two",
    "agreement": "agreement − prior's",
}


def draw_statements(statements: Mapping[str, Any] | None) -> str:
    """Draw the effect of every statement with its interval; nothing where none was tested."""
    tested = [one for one in (statements or {}).get("statements", []) if is_known(one["effect"]["value"])]
    if not tested:
        return ""
    rows = [make_row(NAMES[one["key"]], one["effect"], text=interval(one["effect"], 2)) for one in tested]
    most = max(abs(row_end) for one in tested for row_end in one["effect"].values() if is_known(row_end))
    reach = min(1.0, (int(most * 10) + 1) / 10)
    legend = [("dot", "effect"), ("range", "95 % interval")]
    return draw_rows(rows, -reach, reach, "Effects of the statements; the table has the numbers", legend, 0.0)
