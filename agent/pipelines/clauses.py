"""Where speech may begin: an answer's first clause is spoken as soon as it is whole, the rest sentence by sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pipecat.utils.text.base_text_aggregator import Aggregation, TextType
from pipecat.utils.text.skip_tags_aggregator import SkipTagsAggregator

CLAUSE_ENDS = ",;:—"
LEAST_WORDS = 4
"""Spoken in more than a second, in which the rest of the sentence comes; "Yes," alone would be followed by a hole."""


class ClauseAggregator(SkipTagsAggregator):
    """Pipecat's sentences, but the first one of an answer in two parts where it has a clause of its own.

    The vendor speaks both in one context, so the voice does not fall at the end of the first. Waiting for the end of
    the sentence costs the time a model takes to write it, 100 to 300 ms.
    """

    def __init__(self) -> None:
        super().__init__([("<spell>", "</spell>")])
        self._begins = True

    async def aggregate(self, text: str) -> AsyncIterator[Aggregation]:
        """What is ready to be spoken of the text so far, `text` included."""
        for char in text:
            if self._begins and (clause := self._clause_before(char)) is not None:
                self._begins = False
                yield clause
            async for sentence in super().aggregate(char):
                self._begins = False
                yield sentence

    def _clause_before(self, char: str) -> Aggregation | None:
        """The clause that ends where `char` begins. A comma inside of "1,000" ends none, nor does one in a tag."""
        written = self._text.rstrip()
        if not char.isspace() or written != self._text or written[-1:] not in tuple(CLAUSE_ENDS) or self._current_tag:
            return None
        if len(written.split()) < LEAST_WORDS:
            return None
        self._text = ""
        self._current_tag_index = 0
        return Aggregation(text=written.strip(), type=TextType.SENTENCE)

    async def flush(self) -> Aggregation | None:
        """What is left when the answer is whole; the next one begins anew."""
        self._begins = True
        return await super().flush()

    async def handle_interruption(self) -> None:
        """Nothing of this answer is spoken any more."""
        self._begins = True
        await super().handle_interruption()

    async def reset(self) -> None:
        """Forget the text so far."""
        self._begins = True
        await super().reset()
