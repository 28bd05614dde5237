"""Writes the films of a composed source into shards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_xai.data.shards.layout import open_shards
from cxr_xai.data.shards.write import write_shards
from cxr_xai.errors import UserError
from cxr_xai.experiments.controls.run import build_source
from cxr_xai.experiments.require import require_numbers
from cxr_xai.experiments.terminal import ProgressBar, console, quiet_libraries

Settings = Mapping[str, Any]


def run_shards(settings: Settings, choices: Mapping[str, str]) -> None:
    """Write shards, or go on with those that were cut off, and say where they are.

    Raises:
        UserError: a setting is unfit, the source cannot be read, or shards of something else lie there.
    """
    quiet_libraries()
    require_numbers(settings, per_shard=1)
    if not isinstance(settings["fresh"], bool):
        raise UserError(f"fresh={settings['fresh']}: expected true or false.")
    if settings["datamodule"].get("shards") is not None:
        raise UserError("datamodule.shards reads shards; output= names where they are written.")
    datamodule = build_source(settings)
    name = f"{choices['datamodule']}-{datamodule.image_size}"
    folder = Path(settings["output"] or Path(settings["paths"]["data"]) / "shards" / name)
    asked = (datamodule.image_size, settings["per_shard"], folder)
    write_shards(datamodule.film_table, *asked, ProgressBar("shards"), settings["fresh"])
    shards = open_shards(folder, datamodule.image_size)
    entries, unfit = shards.manifest["shards"], int((shards.facts["problem"] != "").sum())
    size = sum(entry["bytes"] for entry in entries) / 1e6
    console.print(
        f"{len(shards.facts) - unfit:,} films in {len(entries):,} shards, {size:,.1f} MB, {unfit:,} unfit; train with "
        f"datamodule.shards={folder}",
        soft_wrap=True,
    )
