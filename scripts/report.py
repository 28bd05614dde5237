"""Write the report of a run folder again and print its path."""

from typing import Any

from cxr_xai.experiments.command import command


@command("report")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the report."""
    from cxr_xai.artifacts.run_folder import RunFolder
    from cxr_xai.report.write import write_report

    print(write_report(RunFolder(str(settings["folder"]))))


if __name__ == "__main__":
    main()
