"""The dashboard of a sweep as W&B knows such things: a workspace to look around in, a report to read.

Both are saved under a name of their own; saving again changes what is there.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import wandb
import wandb_workspaces.reports.v2.interface as reports
import wandb_workspaces.workspaces.interface as workspaces
from wandb_workspaces import expr
from wandb_workspaces._graphql import execute_graphql

from cxr_xai.errors import UserError
from cxr_xai.loggers.dashboard import Dashboard, Part, View

ARM = "arm"
"""What cells are grouped by, of their configuration."""
OVER = ("leaderboard", "aggregate")
WIDE, HALF, THIRD = (24, 12), (12, 9), (8, 7)
"""Width and height of panels in a report of 24 columns."""

VIEWS = """query Views($entity: String, $project: String, $type: String) {
  project(name: $project, entityName: $entity) {
    allViews(viewType: $type, first: 1000) { edges { node { id name displayName } } }
  }
}"""


def make_panel(view: View, charts: Mapping[str, Any], size: tuple[int, int]) -> Any:
    """Return one panel.

    Args:
        view: what it shows.
        charts: how logged charts are drawn, by key.
        size: in a report.
    """
    layout = reports.Layout(w=size[0], h=size[1])
    if view.kind == "lines":
        grouped: Any = {"groupby": reports.Config(ARM), "groupby_aggfunc": "mean", "groupby_rangefunc": "minmax"}
        return reports.LinePlot(title=view.title, x="epoch", y=list(view.keys), layout=layout, **grouped)
    if view.kind == "bars":
        grouped = {"groupby": reports.Config(ARM), "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
        return reports.BarPlot(title=view.title, metrics=list(view.keys), layout=layout, **grouped)
    if view.kind == "pictures":
        return reports.MediaBrowser(title=view.title, media_keys=list(view.keys), num_columns=1, layout=layout)
    if view.kind == "table":
        return reports.WeavePanelSummaryTable(table_name=view.keys[0], layout=layout)
    drawn = charts[view.keys[0]]
    [rows] = [field for field in drawn["userQuery"]["queryFields"][0]["fields"] if field.get("args")]
    return reports.CustomChart(
        query={rows["name"]: {argument["name"]: argument["value"] for argument in rows["args"]}},
        chart_name=drawn["panelDefId"],
        chart_fields=drawn["fieldSettings"],
        chart_strings=drawn["stringSettings"],
        layout=layout,
    )


def make_workspace(dashboard: Dashboard, charts: Mapping[str, Any], entity: str, project: str) -> Any:
    """Return the workspace: runs of the sweep by arm, a section a part; the first three are open."""
    sections = [
        workspaces.Section(
            name=part.name,
            panels=[make_panel(view, charts, THIRD) for view in part.views],
            is_open=number < 3,
            layout_settings=workspaces.SectionLayoutSettings(columns=columns_of(part), rows=2),
        )
        for number, part in enumerate(dashboard.parts)
    ]
    columns = ["config:fold.value", "config:seed.value", *(f"summary:{key}" for key in dashboard.columns)]
    order = [expr.Ordering(expr.Summary(key), ascending=False) for key in dashboard.columns[:1]]
    made = workspaces.Workspace(
        entity=entity,
        project=project,
        name=title_of(dashboard),
        sections=sections,
        settings=workspaces.WorkspaceSettings(x_axis="epoch", max_runs=50),
        runset_settings=workspaces.RunsetSettings(
            filters=expr.And(expr.Metric("Group") == dashboard.sweep),
            groupby=[expr.Config(ARM)],
            order=order or [expr.Ordering(expr.Metric("Name"))],
            pinned_columns=columns,
        ),
    )
    made._internal_runset_id = stable_id(dashboard.sweep, "runs")
    return made


def columns_of(part: Part) -> int:
    """Return how many panels stand side by side; figures with numbers at their right are wide."""
    return 2 if part.whose in OVER else 3


def make_report(dashboard: Dashboard, charts: Mapping[str, Any], entity: str, project: str) -> Any:
    """Return the report: for each part how to read it, then its panels over the runs that it is about."""
    blocks: list[Any] = [reports.TableOfContents(), reports.P(INTRODUCTION)]
    for part in dashboard.parts:
        size = HALF if part.whose in OVER else THIRD
        runs = make_runset(dashboard, part.whose, entity, project)
        panels = [make_panel(view, charts, WIDE if view.kind == "table" else size) for view in part.views]
        blocks += [reports.H2(part.name), reports.P(part.words), reports.PanelGrid(runsets=[runs], panels=panels)]
    return reports.Report(
        entity=entity,
        project=project,
        title=title_of(dashboard),
        description="Made by scripts/dashboard.py from the keys that the runs have logged.",
        blocks=blocks,
        width="fluid",
    )


INTRODUCTION = (
    "Numbers of single runs are for looking; the aggregate says what was shown, with intervals. Phantom numbers say "
    "that the machinery works and nothing about patients. For research, not for clinical use."
)


def make_runset(dashboard: Dashboard, whose: str, entity: str, project: str) -> Any:
    """Return the runs that a part is about."""
    filters = [expr.Metric("Group") == dashboard.sweep]
    if whose in OVER:
        filters += [expr.Metric("JobType") == whose]
    else:
        filters += [expr.Metric("JobType") != other for other in OVER]
    made = reports.Runset(
        entity=entity,
        project=project,
        name={"cells": "runs by arm"}.get(whose, whose),
        filters=expr.And(*filters),
        groupby=[f"config.{ARM}"] if whose == "cells" else [],
        order=[reports.OrderBy("Name", ascending=True)],
    )
    made._id = stable_id(dashboard.sweep, whose)
    return made


def title_of(dashboard: Dashboard) -> str:
    """Return the name under which both are found again."""
    return f"Sweep {dashboard.sweep}"


def stable_id(*words: str) -> str:
    """Return 12 letters that are the same for the same words."""
    return hashlib.sha256("/".join(words).encode()).hexdigest()[:12]


def write_spec(dashboard: Dashboard, charts: Mapping[str, Any], project: str) -> dict[str, Any]:
    """Return what would be saved, as plain types; the ids of panels are those of their places, not drawn."""
    made = {
        "workspace": make_workspace(dashboard, charts, "", project)._to_model().spec,
        "report": make_report(dashboard, charts, "", project)._to_model().spec,
    }
    spec = {kind: json.loads(model.model_dump_json(by_alias=True, exclude_none=True)) for kind, model in made.items()}
    for kind, tree in spec.items():
        for number, panel in enumerate(walk_panels(tree)):
            panel["__id__"] = stable_id(dashboard.sweep, kind, str(number))
    return spec


def walk_panels(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every panel of a spec."""
    if isinstance(tree, dict):
        if "viewType" in tree and "config" in tree:
            yield tree
        for value in tree.values():
            yield from walk_panels(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from walk_panels(value)


def save(dashboard: Dashboard, charts: Mapping[str, Any], entity: str | None, project: str) -> dict[str, str]:
    """Save workspace and report, in place of those of the same name; return their addresses.

    Raises:
        UserError: W&B refuses, or knows no such project yet.
    """
    try:
        api = wandb.Api()
        owner = entity or api.default_entity
        if owner is None:
            raise UserError("W&B does not say whose projects these are; give entity=….")
        workspace = make_workspace(dashboard, charts, owner, project)
        if found := find_view(api, owner, project, "project-view", title_of(dashboard)):
            workspace._internal_id, workspace._internal_name = found["id"], found["name"]
        workspace.save()
        report = make_report(dashboard, charts, owner, project)
        if found := find_view(api, owner, project, "runs", title_of(dashboard)):
            report.id = found["id"]
        report.save()
    except UserError:
        raise
    except Exception as error:  # the client raises what its transport does
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"W&B did not take the dashboard: {reason}; dashboard.json has what it would be.") from error
    return {"workspace": workspace.url, "report": report.url}


def find_view(api: Any, entity: str, project: str, kind: str, title: str) -> dict[str, str] | None:
    """Return id and name of a workspace (``project-view``) or report (``runs``) with this title; None without one.

    Raises:
        UserError: there is no such project.
    """
    found = execute_graphql(api, VIEWS, {"entity": entity, "project": project, "type": kind}).get("project")
    if found is None:
        raise UserError(f"W&B has no project {entity}/{project} yet; send its runs first: sync=true.")
    nodes = [edge["node"] for edge in found["allViews"]["edges"]]
    return next((node for node in nodes if node["displayName"] == title), None)
