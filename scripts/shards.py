"""Write the films of a source into tar shards: python scripts/shards.py datamodule=nih datamodule.root=/data/nih."""

from typing import Any

from cxr_xai.experiments.command import command


@command("shards")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the writer."""
    from cxr_xai.experiments.shards import run_shards

    run_shards(settings, choices)


if __name__ == "__main__":
    main()
