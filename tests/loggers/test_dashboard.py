"""What a dashboard shows follows from what was logged."""

from cxr_xai.loggers.dashboard import Dashboard, lay_out
from cxr_xai.loggers.logged import Logged

NOTHING = Logged()


def shown(dashboard: Dashboard) -> set[str]:
    return {key for part in dashboard.parts for view in part.views for key in view.keys}


def test_nothing_logged_nothing_shown() -> None:
    assert lay_out("x", {"cells": NOTHING, "leaderboard": NOTHING, "aggregate": NOTHING}) == Dashboard("x", (), ())


def test_panels_are_of_logged_keys_alone_and_in_their_part() -> None:
    cells = Logged({"val/loss", "test/auroc/macro", "test/auroc/Mass"}, {"overlays/Mass-0f"}, set(), {"test/roc": {}})
    board = Logged(set(), {"leaderboard/figures/ranking", "leaderboard/shown/Mass"}, {"leaderboard/explainers"}, {})
    total = Logged(set(), {"aggregate/figures/differences"}, {"aggregate/tables/contrasts"}, {})
    dashboard = lay_out("x", {"cells": cells, "leaderboard": board, "aggregate": total})
    assert shown(dashboard) == cells.keys | board.keys | total.keys
    assert [(part.name, part.whose) for part in dashboard.parts] == [
        ("Headline", "cells"),
        ("Curves", "cells"),
        ("Maps by epoch", "cells"),
        ("After training", "cells"),
        ("Per finding", "cells"),
        ("Leaderboard of explainers", "leaderboard"),
        ("Aggregate", "aggregate"),
    ]
    assert dashboard.columns == ("test/auroc/macro", "val/auroc/macro")[:1]
    assert all(len(part.words) > 40 for part in dashboard.parts), "every part says how to read it"


def test_few_of_many_watched_studies_have_panels() -> None:
    cells = Logged(pictures={f"overlays/Mass-{n:02d}" for n in range(30)})
    [part] = lay_out("x", {"cells": cells, "leaderboard": NOTHING, "aggregate": NOTHING}).parts
    assert [view.keys for view in part.views] == [(f"overlays/Mass-{n:02d}",) for n in range(8)]
