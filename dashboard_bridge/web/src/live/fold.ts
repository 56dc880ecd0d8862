// One call as it is shown, folded from its events. The server folds the same way for its snapshots.

import type { Booking, BookingCard, CallEvent, CallState, Line } from "../wire";

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
    case "booking.made":
    case "booking.moved":
    case "booking.cancelled":
      return { ...call, bookings: withBooking(call, event.booking) };
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
  return { ...call, lines: putLine(call.lines, line), state: ours(call, event.final ? "thinking" : "listening") };
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
  return { ...call, lines: putLine(call.lines, line), flags, state: ours(call, "listening") };
}

/** Words that restate an unfinished line of the same turn and speaker take its place; others come after. */
function putLine(lines: Line[], line: Line): Line[] {
  const at = lines.findLastIndex((other) => other.turn === line.turn && other.speaker === line.speaker);
  const before = lines[at];
  if (before === undefined || before.final) return [...lines, line];
  return lines.with(at, { ...line, at: before.at });
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
    default:
      return call;
  }
}

function toolCard(event: Of<"tool.used">) {
  const { turn, tool, tool_call_id, outcome, took_ms } = event;
  return { turn, tool, tool_call_id, arguments: event.arguments, outcome, took_ms };
}

function flagged(call: CallState, flag: string): string[] {
  return call.flags.includes(flag) ? call.flags : [...call.flags, flag];
}

function withBooking(call: CallState, booking: Booking): BookingCard[] {
  const others = call.bookings.filter((other) => other.booking_id !== booking.booking_id);
  const before = call.bookings.find((other) => other.booking_id === booking.booking_id);
  const turn = before?.turn ?? call.lines.at(-1)?.turn;
  const card = bookingCard(booking);
  return [...others, turn === undefined ? card : { ...card, turn }];
}

/** A booking in short: when it starts and ends as a whole, and what and who. */
export function bookingCard(booking: Booking): BookingCard {
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
