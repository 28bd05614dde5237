import xml.etree.ElementTree as ElementTree

from cxr_xai.visualization.rows import LEFT, RIGHT, WIDTH, Row, draw_mark, draw_rows


def draw(*rows: Row) -> ElementTree.Element:
    return ElementTree.fromstring(draw_rows(rows, 0.0, 1.0, "a figure"))


def test_a_value_lies_at_its_place() -> None:
    dot = draw(Row("a", value=0.5)).find(".//circle[@class='dot']")
    assert dot is not None
    assert float(dot.attrib["cx"]) == (LEFT + WIDTH - RIGHT) / 2


def test_what_is_undefined_is_not_drawn() -> None:
    figure = draw(Row("a", start=0.2))
    assert figure.find(".//circle") is None
    assert figure.find(".//line[@class='range']") is None
    assert figure.find(".//line[@class='span']") is None
    assert figure.find(".//path[@class='start']") is not None


def test_prior_and_ceiling_are_joined() -> None:
    figure = draw(Row("a", start=0.0, end=1.0, value=0.4, low=0.3, high=0.5))
    span, interval = figure.find(".//line[@class='span']"), figure.find(".//line[@class='range']")
    assert span is not None
    assert interval is not None
    assert (float(span.attrib["x1"]), float(span.attrib["x2"])) == (LEFT, WIDTH - RIGHT)
    assert (
        float(span.attrib["x1"])
        < float(interval.attrib["x1"])
        < float(interval.attrib["x2"])
        < float(span.attrib["x2"])
    )


def test_labels_and_texts_are_written() -> None:
    words = [text.text for text in draw(Row("Mass & more", text=".5")).iter("text")]
    assert "Mass & more" in words
    assert ".5" in words


def test_every_mark_can_be_drawn() -> None:
    assert all(draw_mark(mark, 1, 2).startswith("<") for mark in ("dot", "range", "start", "end", "other"))
