// Where the time of a turn went, from the end of the caller's words to the first sound of the answer.

import type { Timing, ToolCard } from "./wire";

export const STAGES = ["stt", "llm", "tool", "tts", "rest"] as const;
export type Stage = (typeof STAGES)[number];

export const STAGE_NAMES: Record<Stage, string> = {
  stt: "Speech to text",
  llm: "Language model",
  tool: "Tools",
  tts: "Text to speech",
  rest: "Turn end and transport",
};

export interface TurnTiming {
  turn: number;
  stages: Record<Stage, number>;
  /** Measured; null while the answer has not begun. */
  voiceToVoice: number | null;
  total: number;
}

/**
 * One row per turn. The model may be asked again after a tool, so its times add up; of the voice only the first
 * sound counts. What the stages leave of the measured whole is `rest`.
 */
export function turnTimings(timings: Timing[], tools: ToolCard[]): TurnTiming[] {
  const turns = [...new Set(timings.map((timing) => timing.turn))].filter((turn) => turn > 0).sort((a, b) => a - b);
  return turns.map((turn) => {
    const ms = (stage: string) =>
      timings.filter((one) => one.turn === turn && one.stage === stage).map((one) => one.ms);
    const used = tools.filter((tool) => tool.turn === turn).map((tool) => tool.took_ms ?? 0);
    const stages = { stt: ms("stt")[0] ?? 0, llm: sum(ms("llm")), tool: sum(used), tts: ms("tts")[0] ?? 0, rest: 0 };
    const measured = sum(Object.values(stages));
    const voiceToVoice = ms("voice_to_voice")[0] ?? null;
    stages.rest = Math.max(0, (voiceToVoice ?? 0) - measured);
    return { turn, stages, voiceToVoice, total: Math.max(measured, voiceToVoice ?? 0) };
  });
}

/** The measured answers of a call, in order. */
export function answers(timings: Timing[]): number[] {
  return timings.filter((timing) => timing.stage === "voice_to_voice").map((timing) => timing.ms);
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
