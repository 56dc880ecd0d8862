"""TwiML, as far as Twilio would act on ours: a document becomes a list of verbs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field


class TwimlError(ValueError):
    """A document that Twilio would refuse (error 12100: document parse failure)."""


@dataclass(frozen=True)
class Verb:
    """`Stream` stands for `<Connect><Stream>`: its url is `text`, its parameters are `parameters`."""

    name: str
    text: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def parse_twiml(document: str) -> list[Verb]:
    """The verbs of a TwiML document, in order. Raises TwimlError."""
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 (our own server's answer)
    except ElementTree.ParseError as why:
        raise TwimlError(f"not XML: {why}") from why
    if root.tag != "Response":
        raise TwimlError(f"the root is <{root.tag}>, not <Response>")
    return [_verb(element) for element in root]


def _verb(element: ElementTree.Element) -> Verb:
    if element.tag == "Connect":
        stream = element.find("Stream")
        if stream is None:
            raise TwimlError("<Connect> without <Stream>")
        parameters = {p.get("name", ""): p.get("value", "") for p in stream.findall("Parameter")}
        return Verb("Stream", stream.get("url", ""), dict(stream.attrib), parameters)
    inner = " ".join("".join(element.itertext()).split())
    return Verb(element.tag, inner, dict(element.attrib))
