"""When the caller's turn begins and ends, and what may interrupt the agent."""

from __future__ import annotations

from pipecat.audio.turn.smart_turn.base_smart_turn import SmartTurnParams
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import EagerEndOfTurnCancelFrame
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregatorParams
from pipecat.turns.user_stop import EagerUserTurnStopStrategy, TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import (
    EagerUserTurnStrategies,
    ExternalUserTurnStrategies,
    UserTurnStrategies,
    default_user_turn_start_strategies,
)

from agent.settings import Settings

TURN_STOP_TIMEOUT_S = 2.0
"""After a noise without words: Pipecat's 5 s leave 5.8 s of dead air after a cough."""
INCOMPLETE_TURN_S = 1.4
"""How long smart-turn may hold a turn it believes unfinished; 3 s is its default, too long on a telephone."""


class _TidyPrediction(EagerUserTurnStopStrategy):
    """Pipecat 1.14 leaves the timer of a prediction running when the call ends before the turn does."""

    async def cleanup(self) -> None:
        await self.process_frame(EagerEndOfTurnCancelFrame())
        await super().cleanup()


def user_turns(settings: Settings) -> LLMUserAggregatorParams:
    """How turns are told apart with the chosen ears: Flux tells them itself, nova needs a VAD and smart-turn."""
    if settings.stt == "nova":
        return _local_turns(settings)
    # Given here although Flux would recommend them: else the default smart-turn model is loaded and thrown away.
    strategies = ExternalUserTurnStrategies()
    if settings.eager_end_of_turn:
        strategies = EagerUserTurnStrategies()
        strategies.stop = [_TidyPrediction()]
    return LLMUserAggregatorParams(
        user_turn_strategies=strategies,
        user_turn_stop_timeout=TURN_STOP_TIMEOUT_S,
        user_idle_timeout=settings.user_idle_s,
    )


def _local_turns(settings: Settings) -> LLMUserAggregatorParams:
    # Imported where used: the models cost 11 MB and 0.2 s that Flux calls do not need.
    from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
    from pipecat.audio.vad.silero import SileroVADAnalyzer

    analyzer = LocalSmartTurnAnalyzerV3(params=SmartTurnParams(stop_secs=INCOMPLETE_TURN_S))
    return LLMUserAggregatorParams(
        vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=0.2)),
        user_turn_strategies=UserTurnStrategies(
            start=default_user_turn_start_strategies(),
            stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=analyzer)],
        ),
        user_turn_stop_timeout=TURN_STOP_TIMEOUT_S,
        user_idle_timeout=settings.user_idle_s,
    )
