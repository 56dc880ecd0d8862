"""What every test stands on."""

from __future__ import annotations

import sys

from loguru import logger

# Pipecat tells every frame's fate at DEBUG, which costs more than what is tested.
logger.remove()
logger.add(sys.stderr, level="WARNING")
