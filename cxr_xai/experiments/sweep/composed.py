"""A cell for a launcher: its settings, and the program that runs it elsewhere."""

import sys
from functools import cache
from pathlib import Path
from typing import Any

from cxr_xai.experiments.command import compose


@cache
def compose_cell(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """Compose what ``scripts/train.py`` would."""
    return compose("train", overrides)


def name_script(config: Any) -> list[str]:
    """Return the program and script, with further folders of configuration, that run a cell by its overrides.

    Args:
        config: Hydra's whole configuration.
    """
    sources = config.hydra.runtime.config_sources
    extra = [word for s in sources if s.provider == "command-line" for word in ("--config-dir", s.path)]
    return [sys.executable, str(Path(sys.argv[0]).resolve()), *extra]
