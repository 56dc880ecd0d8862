"""A visit before it has a time: who could do what, and how long after its beginning. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.bookings.local_day import moment
from agent.bookings.rules import Wanted, same_hands, who_does
from agent.bookings.stretches import Stretch, merged
from agent.model import BusyStretch, Service, Shop, Visit, VisitPart


@dataclass(frozen=True)
class Block:
    """Services that one person does one after the other. Stretches are seconds from the beginning of the visit."""

    able: tuple[str, ...]
    """Who may do it, in the shop's order."""
    services: tuple[tuple[Service, Stretch], ...]
    """Each with when the client is in its hands."""
    work: tuple[Stretch, ...]
    """When its person is at the client: without processing gaps."""
    cleaning: tuple[Stretch, ...]
    """The buffers. One that reaches into the next work of the same person delays nothing: cleaning waits."""


@dataclass(frozen=True)
class Plan:
    """The blocks of a visit follow one another without a gap."""

    blocks: tuple[Block, ...]
    seconds: int
    """How long the client stays."""

    def visit(self, starts: int, hands: Sequence[str]) -> Visit:
        """The visit that begins at `starts` (seconds since 1970 UTC), its blocks done by `hands`."""
        parts: list[VisitPart] = []
        busy: dict[str, list[Stretch]] = {}
        for block, staff in zip(self.blocks, hands, strict=True):
            for service, (begins, ends) in block.services:
                at, until = moment(starts + begins), moment(starts + ends)
                parts.append(VisitPart(service=service.name, staff=staff, starts=at, ends=until))
            busy.setdefault(staff, []).extend(block.work + block.cleaning)
        stretches = sorted((begins, staff, ends) for staff, own in busy.items() for begins, ends in merged(own))
        return Visit(
            parts=tuple(parts),
            busy=tuple(
                BusyStretch(staff=staff, starts=moment(starts + begins), ends=moment(starts + ends))
                for begins, staff, ends in stretches
            ),
        )


def planned(shop: Shop, wanted: Wanted) -> Plan:
    """Lay out what the rules do not refuse."""
    blocks: list[Block] = []
    reached = 0
    for run in same_hands(wanted):
        services: list[tuple[Service, Stretch]] = []
        for at in run:
            service = wanted.services[at]
            ends = reached + (service.minutes or 0) * 60
            services.append((service, (reached, ends)))
            reached = ends
        work = merged(stretch for service, (begins, _) in services for stretch in _work(service, begins))
        cleaning = merged((ends, ends + service.buffer_minutes * 60) for service, (_, ends) in services)
        blocks.append(Block(who_does(shop, wanted, run), tuple(services), tuple(work), tuple(cleaning)))
    return Plan(tuple(blocks), reached)


def _work(service: Service, begins: int) -> list[Stretch]:
    """A service without the stretches in which it works by itself."""
    edges = [0, *(edge for gap in service.processing for edge in (gap.after, gap.after + gap.minutes))]
    edges.append(service.minutes or 0)
    return [(begins + edges[at] * 60, begins + edges[at + 1] * 60) for at in range(0, len(edges), 2)]
