"""The README's example without Hydra runs as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_example_runs(tmp_path: Path) -> None:
    section = (PROJECT / "README.md").read_text().partition("## From Python, without Hydra")[2]
    [code] = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "torch.Size([1, 14, 2, 2])" in done.stdout
