"""Export a network: python scripts/export.py checkpoint=outputs/demo/CELL format=onnx."""

from typing import Any

from cxr_xai.experiments.command import command


@command("export")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the run to the exporters."""
    from cxr_xai.experiments.export.run import run_export

    run_export(settings)


if __name__ == "__main__":
    main()
