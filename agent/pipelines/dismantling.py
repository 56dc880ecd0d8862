"""What a call was made of is taken apart once nothing of it runs any more."""

from __future__ import annotations

from collections.abc import Iterator

from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from websockets.protocol import State

from agent.pipelines.sockets import OpensBehind

SETTLE_S = 1.0
"""After a call: what its tasks and sockets still tell one another is done by then."""


def dismantle(worker: PipelineWorker, *around: object) -> None:
    """Empty every part of a pipeline that has ended, and what was built around it.

    They hold one another in circles, some 1,500 objects a call, which only Python's collector would find; and while
    that looks, nobody on the line is heard or answered. Emptied, they are freed at once.
    """
    parts = list(_parts(worker.pipeline))
    sockets = [socket for part in parts if isinstance(part, OpensBehind) for socket in part.opened]
    for thing in (*parts, worker, *around, *(socket for socket in sockets if socket.state is State.CLOSED)):
        vars(thing).clear()


def _parts(whole: FrameProcessor) -> Iterator[FrameProcessor]:
    yield whole
    for part in whole.processors:
        yield from _parts(part)
