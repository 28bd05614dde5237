"""Links may lead anywhere inside the root; out of it only where that is wanted."""

from pathlib import Path

import pytest

from cxr_xai.data.release.links import Gate
from cxr_xai.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "inside").mkdir(parents=True)
    (tmp_path / "root_beside").mkdir()
    return tmp_path / "root"


def test_what_is_no_link_or_stays_inside_passes(root: Path) -> None:
    (root / "link").symlink_to("inside")
    (root / "inside" / "up").symlink_to(root / "nothing there")
    gate = Gate(root)
    for path in (root, root / "inside", root / "link", root / "inside" / "up", root / "nothing"):
        gate.check(path)
    assert gate.out == 0


@pytest.mark.parametrize("target", ["..", "../root_beside", "../root_beside/nothing there", "/"])
def test_a_link_out_is_refused_or_counted(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)
    with pytest.raises(UserError, match=r"root/link is a link that leads out .*\+datamodule\.reader\.links_out=true"):
        Gate(root).check(root / "link")
    gate = Gate(root, links_out=True)
    gate.check(root / "link")
    gate.check(root / "inside")
    assert gate.out == 1


def test_a_link_to_a_link_that_leads_out_is_refused(root: Path) -> None:
    (root / "far").symlink_to("../root_beside")
    (root / "near").symlink_to("far")
    with pytest.raises(UserError, match="near is a link that leads out"):
        Gate(root).check(root / "near")


def test_the_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    (root / "link").symlink_to("inside")
    Gate(tmp_path / "alias").check(tmp_path / "alias" / "link")
