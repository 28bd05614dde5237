"""Are the optional libraries there that these settings ask for?"""

from importlib.util import find_spec

from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok

EXTRAS = {
    "wandb": ("wandb", "wandb_workspaces"),
    "slurm": ("submitit",),
    "search": ("optuna",),
    "explainers": ("pytorch_grad_cam", "skimage"),
    "export": ("onnx", "onnxscript", "onnxruntime"),
    "shards": ("webdataset",),
}
"""Modules of each extra of ``pyproject.toml``."""


def check(case: Case) -> Answer:
    """Name extras that are not installed; broken where the settings cannot do without."""
    missing = [extra for extra, modules in EXTRAS.items() if not all(find_spec(module) for module in modules)]
    if wanted := [extra for extra in missing if extra in asked_for(case)]:
        return broken(f"asked for and not installed: {', '.join(wanted)}", f"pip install 'cxr-xai[{','.join(wanted)}]'")
    return ok("all installed" if not missing else f"nothing asks for {', '.join(missing)}, which are not installed")


def asked_for(case: Case) -> set[str]:
    """Return the extras that the settings certainly need; an explainer that needs one says so when it is tried."""
    chosen = {"wandb": case.choices.get("logger") == "wandb", "slurm": case.launcher == "slurm"}
    chosen["search"] = "search" in (case.settings.get("sweep") or {})
    chosen["shards"] = bool(case.settings["datamodule"].get("shards"))
    return {extra for extra, needed in chosen.items() if needed}
