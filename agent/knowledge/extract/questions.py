"""Questions that customers ask, with the shop's answers; and what we must still ask the shop."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import cast

from agent.knowledge.extract.facts import FaqFact
from agent.knowledge.extract.markup import Element
from agent.knowledge.extract.page import Document, Line, clean
from agent.knowledge.extract.structured import Structured, Thing, text_of

_MARKS = ("?", "？", "؟")
_ACCORDION = re.compile(r"faq|accordion|question|frage|pregunta", re.I)
_QUESTION_WORD = re.compile(r"^(?:Q|F|P|В|質問)\s?\d{0,2}\s?[:.．、]\s*", re.I)
_ANSWER_WORD = re.compile(r"^(?:A|R|О|回答)\s?\d{0,2}\s?[:.．、]\s*", re.I)
_FAQ_HEADING = re.compile(r"faq|questions?|fragen|preguntas|вопрос|質問", re.I)
MAX_QUESTION = 160
MAX_ANSWER = 1500


def read_faq(document: Document, structured: Structured) -> tuple[list[FaqFact], set[int]]:
    """The questions of a page with their answers, and the numbers of the lines that hold them."""
    facts = [*_from_data(document, structured)]
    taken: set[int] = set()
    for question, lines, sure in _on_page(document):
        if not lines:
            continue
        answer = clean(" ".join(line.text for line in lines))[:MAX_ANSWER]
        taken |= {question.index, *(line.index for line in lines)}
        text = _question(question.text)
        confidence = 0.95 if sure else 0.8
        quote = document.quote(question, lines[0])
        facts.append(
            FaqFact(
                question=text,
                answer=_ANSWER_WORD.sub("", answer),
                source_url=document.url,
                quote=quote,
                confidence=confidence,
            )
        )
    return facts, taken


def _from_data(document: Document, structured: Structured) -> Iterator[FaqFact]:
    for thing in structured.of("Question"):
        question, answer = text_of(thing.get("name")), _accepted(thing)
        if question and answer:
            yield FaqFact(
                question=question,
                answer=answer[:MAX_ANSWER],
                source_url=document.url,
                quote=question[:400],
                confidence=0.97,
            )


def _accepted(thing: Thing) -> str:
    answer = thing.get("acceptedAnswer") or thing.get("suggestedAnswer")
    return text_of(cast("Thing", answer).get("text")) if isinstance(answer, dict) else text_of(answer)


def _on_page(document: Document) -> Iterator[tuple[Line, list[Line], bool]]:
    lines = document.lines
    asking = Counter(line.level for line in lines if line.level and _is_question(line))
    heads: dict[int, str] = {}
    for place, line in enumerate(lines):
        above = [heads[level] for level in sorted(heads) if not line.level or level < line.level]
        if line.level:
            heads = {level: text for level, text in heads.items() if level < line.level} | {line.level: line.text}
        if line.region in ("nav", "footer", "form") or not _is_question(line):
            continue
        in_accordion = _accordion(line)
        marked = line.strong or line.element.tag in ("dt", "summary") or bool(_QUESTION_WORD.match(line.text))
        if in_accordion or marked or (line.level and _has_company(line.level, asking, above)):
            yield line, _answer(lines, place), in_accordion


def _has_company(level: int, asking: Counter[int], above: list[str]) -> bool:
    """A heading that asks is rhetoric unless more of its kind ask too, or a heading announces questions."""
    return (asking[level] > 1 and level > 1) or bool(above and _FAQ_HEADING.search(above[-1]))


def _is_question(line: Line) -> bool:
    text = _question(line.text)
    return text.endswith(_MARKS) and 8 <= len(text) <= MAX_QUESTION and len(text.split()) + text.count("？") * 3 >= 3


def _question(text: str) -> str:
    """Without the "+" of an accordion and without "Q:"."""
    text = re.sub(r"(?<=[?？])\s*[+\-–−×✕▾▼⌄›>»]+$", "", text.strip())
    return _QUESTION_WORD.sub("", re.sub(r"^[+\-–−▸►›»]\s*", "", text)).strip()


def _accordion(line: Line) -> bool:
    near: list[Element] = [line.element, *line.element.ancestors()][:6]
    return any(
        e.tag in ("details", "dl") or _ACCORDION.search(f"{e.attrs.get('class', '')} {e.attrs.get('id', '')}")
        for e in near
    )


def _answer(lines: tuple[Line, ...], place: int) -> list[Line]:
    """The lines after a question up to the next question, heading or other part of the page."""
    question, answer = lines[place], list[Line]()
    frame = next((e for e in (question.element, *question.element.ancestors()) if e.tag == "details"), None)
    for line in lines[place + 1 : place + 15]:
        if frame is not None and frame not in line.element.ancestors() and line.element is not frame:
            break
        if line.level or _is_question(line) or line.region in ("nav", "footer", "form"):
            break
        if line.element.tag in ("dt", "summary") or (line.link and not answer) or (line.link and len(line.text) < 30):
            break
        if question.strong and line.strong and answer:
            break
        if not any(c.isalpha() for c in line.text):
            continue
        answer.append(line)
    return answer
