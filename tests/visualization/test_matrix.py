"""Numbers on grounds."""

from cxr_xai.visualization.matrix import draw_matrix


def test_sign_and_size_have_their_ground_and_unknown_cells_none() -> None:
    svg = draw_matrix(["a<b"], ["c", "d", "e"], [[0.5, -1.0, float("nan")]], 1.0, "numbers")
    assert svg.count("<rect") == 2
    assert 'class="above" style="opacity:0.38"' in svg
    assert 'class="below" style="opacity:0.75"' in svg
    assert ">.50<" in svg
    assert ">−1.00<" in svg
    assert "a&lt;b" in svg


def test_nothing_larger_than_zero() -> None:
    assert "opacity:0.00" in draw_matrix(["a"], ["b"], [[0.0]], 0.0, "numbers")
