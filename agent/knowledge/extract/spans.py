"""Which lines lie in which element, and how a line reads when its pieces were set apart by style alone."""

from __future__ import annotations

from collections.abc import Sequence

from agent.knowledge.extract.markup import Element
from agent.knowledge.extract.page import Line, clean


class Spans:
    """For every element, the places of its first and last line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._of: dict[int, tuple[int, int]] = {}
        for place, line in enumerate(lines):
            for element in (line.element, *line.element.ancestors()):
                first, _ = self._of.get(element.mem, (place, place))
                self._of[element.mem] = (first, place)

    def of(self, element: Element) -> tuple[int, int]:
        return self._of.get(element.mem, (0, -1))


def reading(line: Line) -> str:
    """The text of a line with a space where two elements meet: "Haircut$85" set in two spans is two things."""
    if line.cells or len(line.parts) < 2:
        return line.text
    text = line.parts[0].text
    for part in line.parts[1:]:
        broken = text[-1:].isalpha() and len(text.split()[-1]) == 1 and part.text[:1].islower()
        number = text[-1:].isdigit() and part.text[:1] in ".,0123456789"
        glued = (broken or number) and f"{text}{part.text}" in line.text
        text += part.text if glued or part.text[:1] in ".,;:!?)" else f" {part.text}"
    return clean(text)
