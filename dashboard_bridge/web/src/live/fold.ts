// One call as it is shown, folded from its events: the same steps as the server's for its snapshots
// (dashboard_bridge/live.py), so that it does not matter which of the two a page has.

import type { Booking, CallEvent, CallState, Line, ShownBooking } from "../wire";

/** What a call looks like after one more event; the call given is left as it was. */
export function fold(call: CallState, event: CallEvent): CallState {
  switch (event.type) {
    case "call.answered":
      return answered(call, event);
    case "turn.started":
      return {
        ...call,
        state: ours(call, "listening"),
        flags: event.interrupting ? flagged(call, "interrupted") : call.flags,
      };
    case "turn.heard":
      return heard(call, event);
    case "turn.spoken":
      return spoken(call, event);
    case "tool.used":
      return { ...call, tools: [...call.tools, toolCard(event)], state: ours(call, "thinking") };
    case "booking.held":
    case "booking.cancelled":
      return { ...call, bookings: withBooking(call, event.booking, false) };
    case "booking.made":
    case "booking.moved":
      return { ...call, bookings: withBooking(call, event.booking, true) };
    case "question.unanswered":
      return { ...call, flags: flagged(call, "unanswered") };
    case "claim.mismatched":
      return { ...call, flags: flagged(call, "mismatch") };
    case "vendor.degraded":
      return { ...call, flags: flagged(call, `vendor:${event.vendor}`) };
    case "stage.timed":
      return timed(call, event);
    case "operator.acted":
      return acted(call, event);
    case "call.transferred":
      return { ...call, state: "transferring" };
    case "call.ended":
      return { ...call, state: "ended", operator: null };
    default:
      return call;
  }
}

/** A call of which nothing is known yet but whose it is. */
export function blank(locationId: number, callSid: string, at: string): CallState {
  return {
    location_id: locationId,
    call_sid: callSid,
    business_name: "",
    caller: "",
    started_at: at,
    state: "ringing",
    operator: null,
    lines: [],
    tools: [],
    bookings: [],
    timings: [],
    flags: [],
    n: 0,
  };
}

type Of<T extends CallEvent["type"]> = Extract<CallEvent, { type: T }>;

function answered(call: CallState, event: Of<"call.answered">): CallState {
  return {
    ...call,
    caller: event.caller,
    business_name: event.business_name,
    started_at: event.at,
    state: "greeting",
  };
}

/** The phase a call is in by itself; while a person has it, or it is over, that stands. */
function ours(call: CallState, phase: CallState["state"]): CallState["state"] {
  return call.state === "taken_over" || call.state === "transferring" || call.state === "ended" ? call.state : phase;
}

function heard(call: CallState, event: Of<"turn.heard">): CallState {
  const line: Line = {
    turn: event.turn,
    speaker: "caller",
    text: event.text,
    heard_text: null,
    final: event.final,
    interrupted: false,
    at: event.at,
  };
  const at = call.lines.findLastIndex((other) => other.turn === line.turn && other.speaker === "caller");
  const lines = at < 0 ? inserted(call.lines, line, true) : call.lines.with(at, line);
  return { ...call, lines, state: ours(call, event.final ? "thinking" : "listening") };
}

function spoken(call: CallState, event: Of<"turn.spoken">): CallState {
  const line: Line = {
    turn: event.turn,
    speaker: "agent",
    text: event.text,
    heard_text: event.heard_text,
    final: true,
    interrupted: event.interrupted,
    at: event.at,
  };
  const flags = event.interrupted ? flagged(call, "interrupted") : call.flags;
  // An operator's words, spoken by the agent's voice: the line is there, now it is known what was heard.
  const at = call.lines.findIndex(
    (other) => other.speaker === "operator" && other.heard_text === null && other.text === event.text,
  );
  const theirs = call.lines[at];
  const heard = { heard_text: event.heard_text, interrupted: event.interrupted };
  const lines = theirs ? call.lines.with(at, { ...theirs, ...heard }) : inserted(call.lines, line);
  return { ...call, lines, flags, state: ours(call, "listening") };
}

/** Into its turn: the caller's words first, all others in the order they come. */
function inserted(lines: Line[], line: Line, isFirst = false): Line[] {
  const after = (other: Line) => (isFirst ? other.turn >= line.turn : other.turn > line.turn);
  let place = lines.length;
  while (place > 0 && after(lines[place - 1] as Line)) place--;
  return lines.toSpliced(place, 0, line);
}

function timed(call: CallState, event: Of<"stage.timed">): CallState {
  const timings = [...call.timings, { turn: event.turn, stage: event.stage, ms: event.ms }];
  const begins = event.stage === "voice_to_voice" || event.stage === "tts";
  return { ...call, timings, state: begins ? ours(call, "speaking") : call.state };
}

function acted(call: CallState, event: Of<"operator.acted">): CallState {
  switch (event.act) {
    case "take_over":
      return { ...call, state: "taken_over", operator: event.operator };
    case "hand_back":
      return { ...call, state: "listening", operator: null };
    case "transfer":
      return { ...call, state: "transferring" };
    case "say":
      return { ...call, lines: inserted(call.lines, operatorLine(call, event)) };
    default:
      return call;
  }
}

function operatorLine(call: CallState, { detail, at }: Of<"operator.acted">): Line {
  const turn = lastTurn(call);
  return { turn, speaker: "operator", text: detail, heard_text: null, final: true, interrupted: false, at };
}

function lastTurn(call: CallState): number {
  return Math.max(0, ...call.lines.map((line) => line.turn));
}

function toolCard(event: Of<"tool.used">) {
  const { turn, tool, tool_call_id, outcome, took_ms } = event;
  return { turn, tool, tool_call_id, arguments: event.arguments, outcome, took_ms };
}

function flagged(call: CallState, flag: string): string[] {
  return call.flags.includes(flag) ? call.flags : [...call.flags, flag];
}

/** What was held becomes what is made; a caller has one hold at a time. A card that is known keeps its place. */
function withBooking(call: CallState, booking: Booking, isDone: boolean): ShownBooking[] {
  const kept = isDone ? call.bookings.filter((other) => other.state !== "held") : call.bookings;
  const at = kept.findIndex((other) => other.booking_id === booking.booking_id);
  const card = { ...bookingCard(booking), turn: kept[at]?.turn ?? lastTurn(call) };
  return at < 0 ? [...kept, card] : kept.with(at, card);
}

/** A booking in short: when it starts and ends as a whole, and what and who. */
export function bookingCard(booking: Booking): ShownBooking {
  const parts = booking.visit.parts;
  const starts = parts.map((part) => part.starts).sort();
  const ends = parts.map((part) => part.ends).sort();
  return {
    booking_id: booking.booking_id,
    state: booking.state,
    what: parts.map((part) => (part.staff ? `${part.service} with ${part.staff}` : part.service)).join(", "),
    customer_name: booking.customer_name,
    starts: starts[0] ?? "",
    ends: ends.at(-1) ?? "",
  };
}
