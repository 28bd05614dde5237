"""The objects that W&B is given, and what a server that answers as W&B does gets to see of them."""

import gzip
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

wandb = pytest.importorskip("wandb")
pytest.importorskip("wandb_workspaces")

from cxr_xai.errors import UserError  # noqa: E402
from cxr_xai.loggers.dashboard import Dashboard, lay_out  # noqa: E402
from cxr_xai.loggers.logged import Logged  # noqa: E402
from cxr_xai.loggers.wandb_dashboard import save, walk_panels, write_spec  # noqa: E402

ROWS = {"name": "summaryTable", "args": [{"name": "tableKey", "value": "test/roc_table"}]}
CHARTS = {
    "test/roc": {
        "panelDefId": "wandb/area-under-curve/v0",
        "fieldSettings": {"class": "class", "x": "fpr", "y": "tpr"},
        "stringSettings": {"title": "ROC"},
        "userQuery": {"queryFields": [{"name": "runSets", "fields": [{"name": "id", "fields": []}, ROWS]}]},
    }
}


@pytest.fixture(scope="module")
def dashboard() -> Dashboard:
    cells = Logged({"val/loss", "test/auroc/macro"}, {"overlays/Mass-0f"}, set(), dict(CHARTS))
    board = Logged(set(), {"leaderboard/figures/ranking"}, {"leaderboard/explainers"})
    return lay_out("nih", {"cells": cells, "leaderboard": board, "aggregate": Logged()})


def test_each_view_is_a_panel_of_its_kind_with_its_keys(dashboard: Dashboard) -> None:
    spec = write_spec(dashboard, CHARTS, "cxr_xai")
    sections = spec["workspace"]["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == [part.name for part in dashboard.parts]
    panels = {panel["viewType"]: panel["config"] for panel in walk_panels(sections)}
    assert panels["Run History Line Plot"]["metrics"] == ["val/loss"]
    assert panels["Run History Line Plot"]["xAxis"] == "epoch"
    assert panels["Run History Line Plot"]["groupBy"] == "arm.value"
    assert panels["Bar Chart"]["metrics"] == ["test/auroc/macro"]
    assert panels["Vega2"]["fieldSettings"] == CHARTS["test/roc"]["fieldSettings"]
    assert "test/roc_table" in json.dumps(panels["Vega2"])
    assert panels["Media Browser"]["mediaKeys"] == ["leaderboard/figures/ranking"]
    assert "leaderboard/explainers" in json.dumps(panels["Weave"])
    assert len(list(walk_panels(spec["report"]))) == len(list(walk_panels(sections))) == 6


def test_runs_are_those_of_the_sweep_by_arm_and_sorted(dashboard: Dashboard) -> None:
    spec = write_spec(dashboard, CHARTS, "cxr_xai")
    [runs] = spec["workspace"]["section"]["runSets"]
    assert '"nih"' in json.dumps(runs["filters"])
    assert [key["name"] for key in runs["grouping"]] == ["arm.value"]
    assert [(key["key"]["name"], key["ascending"]) for key in runs["sort"]["keys"]] == [("test/auroc/macro", False)]
    assert runs["runFeed"]["columnOrder"][-1] == "summary:test/auroc/macro"
    grids = [block["metadata"]["runSets"][0] for block in spec["report"]["blocks"] if block["type"] == "panel-grid"]
    assert [grid["name"] for grid in grids] == ["runs by arm"] * 4 + ["leaderboard"]
    assert all('"nih"' in json.dumps(grid["filters"]) for grid in grids)


def test_equal_dashboards_are_equal(dashboard: Dashboard) -> None:
    assert write_spec(dashboard, CHARTS, "cxr_xai") == write_spec(dashboard, CHARTS, "cxr_xai")


class Server(ThreadingHTTPServer):
    """Answers the few questions that saving asks, and keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.views: dict[str, dict[str, Any]] = {}
        self.knows_project = True

    def answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the ``data`` of a GraphQL query."""
        if "upsertView" in query:
            number = given.get("id") or f"view{len(self.views)}"
            project = {"id": "p", "name": given["projectName"], "entityName": given["entityName"]}
            view = {key: given[key] for key in ("name", "displayName", "type", "spec", "description")}
            self.views[number] = {**view, "id": number, "project": project, "updatedAt": None, "createdAt": None}
            return {"upsertView": {"view": self.views[number], "inserted": True}}
        if "allViews" in query:
            edges = [{"node": view} for view in self.views.values() if view["type"] == given["type"]]
            return {"project": {"allViews": {"edges": edges}} if self.knows_project else None}
        if "internalId" in query:
            return {"project": {"id": "p", "internalId": "7"}}
        if "models" in query:
            node = {"id": "p", "name": "cxr_xai", "entityName": "me", "createdAt": "2026", "isBenchmark": False}
            page = {"endCursor": None, "hasNextPage": False}
            return {"models": {"edges": [{"node": {**node, "user": None}, "cursor": "x"}], "pageInfo": page}}
        person = {"id": "u", "entity": "me", "username": "me", "name": "me", "admin": False, "email": "", "flags": "{}"}
        return {"viewer": {**person, "teams": {"edges": []}, "apiKeys": {"edges": []}, "deletedAt": None}}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def log_message(self, *words: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        data: Any = {}
        if self.path == "/graphql":
            asked = json.loads(body)
            data = self.server.answer(asked["query"], asked.get("variables") or {})
        said = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine in place of W&B."""
    with Server() as made:
        Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{made.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_SILENT", "true")
        wandb.teardown()
        yield made
        made.shutdown()
    wandb.teardown()


def test_saved_again_the_same_two_are_changed(server: Server, dashboard: Dashboard) -> None:
    first = save(dashboard, CHARTS, None, "cxr_xai")
    specs = {number: json.loads(view["spec"]) for number, view in server.views.items()}
    again = save(dashboard, CHARTS, None, "cxr_xai")
    assert first == again
    assert [(view["type"], view["displayName"]) for view in server.views.values()] == [
        ("project-view", "Sweep nih"),
        ("runs", "Sweep nih"),
    ]
    built = write_spec(dashboard, CHARTS, "cxr_xai")
    for kind, saved in zip(("workspace", "report"), specs.values(), strict=True):
        configs = [panel["config"] for panel in walk_panels(saved)]
        assert configs == [panel["config"] for panel in walk_panels(built[kind])]


def test_a_project_that_is_not_there_is_named(server: Server, dashboard: Dashboard) -> None:
    server.knows_project = False
    with pytest.raises(UserError, match="no project me/cxr_xai yet; send its runs first"):
        save(dashboard, CHARTS, None, "cxr_xai")
    assert not server.views
