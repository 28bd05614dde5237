"""The only door to Weights & Biases: scalars, native box overlays and panels, without anything that identifies.

Leaves this machine: metrics, films with boxes and maps, and the configuration without paths. Does not leave it: image
and patient identifiers (salted hashes stand for them), paths, host and user names, code, console output.
"""

import hashlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import numpy as np
import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from requests.utils import get_netrc_auth

from cxr_xai.findings import FINDINGS, INDEX
from cxr_xai.loggers.wandb_settings import make_settings
from cxr_xai.types import Panel

Mode = Literal["offline", "auto", "online"]
CLASS_LABELS = dict(enumerate(FINDINGS))


def choose_mode(mode: Mode, timeout: float = 2.0) -> Literal["online", "offline"]:
    """Settle ``auto``: online only with a key and a server that answers within ``timeout`` seconds.

    With a key and no network the client would block for about 100 s and never fall back.
    """
    if mode != "auto":
        return mode
    settings = wandb.Settings()
    settings.update_from_env_vars(dict(os.environ))
    server = urlparse(settings.base_url)
    if not (settings.api_key or get_netrc_auth(settings.base_url)):
        return "offline"
    try:
        socket.create_connection((server.hostname or "", server.port or 443), timeout).close()
    except OSError:
        return "offline"
    return "online"


def pseudonym(salt: str, identifier: str) -> str:
    """Return 12 hexadecimal digits that stand for an identifier; without the salt it cannot be guessed.

    >>> pseudonym("a", "00000001_000.png") == pseudonym("b", "00000001_000.png")
    False
    """
    return hashlib.blake2b(identifier.encode(), key=salt.encode()[:64], digest_size=6).hexdigest()


class Wandb(WandbLogger):
    """One run in W&B.

    Args:
        save_dir: where the local record is written.
        name: the cell.
        group: the runs that belong together.
        salt: of the pseudonyms; the same for runs whose studies should be recognizable across runs.
        mode: ``offline`` records locally, ``online`` sends, ``auto`` sends where a key and the server are at hand.
        project: name of the W&B project.
        run_id: stable identity, so that a continued run continues its record.
        job_type: what a sweep calls the run, its arm; None without one.
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str,
        group: str,
        salt: str,
        mode: Mode = "offline",
        project: str = "cxr_xai",
        run_id: str | None = None,
        job_type: str | None = None,
    ) -> None:
        self.mode, self.salt = choose_mode(mode), salt
        Path(save_dir).mkdir(parents=True, exist_ok=True)
        super().__init__(
            name=name,
            save_dir=save_dir,
            project=project,
            offline=self.mode == "offline",
            id=run_id,
            group=group,
            job_type=job_type,
            resume="allow",  # offline, too: `wandb sync` then joins the records of one run in order of their start
            settings=make_settings(),
        )

    @rank_zero_only
    def log_panels(self, panels: Sequence[Panel], pictures: Sequence[np.ndarray[Any, Any]], step: int) -> None:
        """Log films with native boxes (true and from the map) and maps as masks, and the drawn panels."""
        if not panels:
            return
        films = [self._native(panel) for panel in panels]
        drawn = [
            wandb.Image(picture, caption=self._caption(panel)) for panel, picture in zip(panels, pictures, strict=True)
        ]
        kind, epoch = panels[0].kind, panels[0].epoch
        self.experiment.log(
            {f"panels/{kind}": drawn, f"boxes/{kind}": films, "epoch": epoch, "trainer/global_step": step}
        )

    def _caption(self, panel: Panel) -> str:
        return f"{pseudonym(self.salt, panel.image_id)} {panel.finding} p={panel.prob:.2f}"

    def _native(self, panel: Panel) -> wandb.Image:
        finding = INDEX[panel.finding]
        boxes = {"radiologist": [_box(box, finding, panel.finding, None) for box in panel.boxes]}
        if panel.region is not None and np.isfinite(panel.region).all():
            boxes["map"] = [_box(panel.region, finding, f"{panel.finding} map", panel.prob)]
        masks = {}
        if panel.heatmap is not None:
            region = np.where(panel.heatmap >= 0.5, finding, len(FINDINGS)).astype(np.uint8)
            masks["region"] = {"mask_data": region, "class_labels": {**CLASS_LABELS, len(FINDINGS): "outside"}}
        return wandb.Image(
            panel.film,
            caption=self._caption(panel),
            boxes={key: {"box_data": data, "class_labels": CLASS_LABELS} for key, data in boxes.items() if data},
            masks=masks or None,
        )

    @rank_zero_only
    def close(self) -> None:
        """Close the record at the end of the run; a next run in this process gets its own."""
        if self._experiment is not None:
            wandb.finish()
            self._experiment = None


def _box(box: Any, finding: int, caption: str, prob: float | None) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(v) for v in box)
    scores = {} if prob is None else {"scores": {"prob": float(prob)}}
    position = {"minX": x0, "maxX": x1, "minY": y0, "maxY": y1}
    return {"position": position, "domain": "pixel", "class_id": finding, "box_caption": caption, **scores}
