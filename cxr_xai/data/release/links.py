"""Symbolic links that lead out of a source's folder are refused unless they are wanted."""

import os
from pathlib import Path

from cxr_xai.errors import UserError


class Gate:
    """Lets through what lies inside the root; the root itself may be a link.

    Args:
        root: the folder of the source.
        links_out: true lets links lead out of it and counts them in ``out``: for copies whose archives lie on another
            disk.
    """

    def __init__(self, root: Path, links_out: bool = False) -> None:
        self.links_out, self.out = links_out, 0
        self._real = Path(os.path.realpath(root))

    def check(self, path: str | Path) -> None:
        """Look at one file or folder, whose parents have been looked at.

        Raises:
            UserError: it is a link that leads out of the root.
        """
        if not Path(path).is_symlink():
            return
        real = Path(os.path.realpath(path))
        if real.is_relative_to(self._real):
            return
        if not self.links_out:
            raise UserError(
                f"{path} is a link that leads out of its folder, to {real}; put the file there, or accept such links "
                "with +datamodule.reader.links_out=true."
            )
        self.out += 1

    def find(self, name: str, root: Path, what: str) -> Path:
        """Return a file that a setting names: of the root, looked at, or of any place that was named with its folder.

        Args:
            name: of the file, in the root or a path.
            root: the folder of the source.
            what: the setting, and what it should name.

        Raises:
            UserError: there is none, or it is in the root and a link that leads out of it.
        """
        if (path := root / name).is_relative_to(root):  # a path from the file system's own root leads elsewhere
            self.check(path)
        found = next((place for place in (path, Path(name)) if place.is_file()), None)
        if found is None:
            raise UserError(f"No {name} in {root} or as a path of its own: {what}.")
        return found
