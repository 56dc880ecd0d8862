"""What Pipecat's services measure of themselves: the time to their first byte, and nothing else."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import MetricsFrame
from pipecat.processors.metrics.frame_processor_metrics import FrameProcessorMetrics


class FirstBytes(FrameProcessorMetrics):
    """Pipecat tells six things of each answer, each a frame along the whole road, and looks for a voice in its sound.

    Only the first byte is told to operators (`Tap`); where the voice begins is measured on the line.
    """

    async def process_ttfa_metrics(self, **_: Any) -> MetricsFrame | None:
        return None

    async def stop_ttfat_metrics(self, **_: Any) -> MetricsFrame | None:
        return None

    async def stop_processing_metrics(self, **_: Any) -> MetricsFrame | None:
        return None

    async def stop_text_aggregation_metrics(self) -> MetricsFrame | None:
        return None
