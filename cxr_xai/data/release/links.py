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
