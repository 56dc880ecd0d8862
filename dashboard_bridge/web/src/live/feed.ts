// The state of the whole feed, as pure steps: snapshots, numbered deltas, and what to ask for when one is missing.

import type { BookingCard, CallState, Delta, OpsMessage, ShopListing, SnapshotData, VendorState } from "../wire";
import { blank, fold } from "./fold";

/** Calls that are over and still shown. */
export const ENDED_SHOWN = 12;

/** A snapshot that was asked for: of everything, or of one call. Answers come in the order of asking. */
export type Asked = "all" | { call_sid: string };

export interface Feed {
  calls: Record<string, CallState>;
  shops: ShopListing[];
  vendors: Record<string, VendorState>;
  bookings: Record<number, BookingCard[]>;
  asked: Asked[];
}

export interface Step {
  feed: Feed;
  /** The call whose state has to be asked for anew. */
  resync?: string;
}

export const EMPTY: Feed = { calls: {}, shops: [], vendors: {}, bookings: {}, asked: [] };

/** A socket opened: what was asked on the one before is never answered. */
export function connected(feed: Feed): Feed {
  return { ...feed, asked: ["all"] };
}

/** What a message makes of the feed. */
export function step(feed: Feed, message: OpsMessage): Step {
  switch (message.type) {
    case "snapshot":
      return { feed: snapshot(feed, message.data) };
    case "event":
      return delta(feed, message.data);
    case "vendors":
      return { feed: { ...feed, vendors: message.data } };
    case "bookings":
      return { feed: { ...feed, bookings: { ...feed.bookings, [message.data.location_id]: message.data.bookings } } };
    default:
      return { feed };
  }
}

function snapshot(feed: Feed, data: SnapshotData): Feed {
  const [answers = "all", ...asked] = feed.asked;
  const told = Object.fromEntries(data.calls.map((call) => [call.call_sid, call]));
  if (answers === "all") {
    return { ...feed, asked, shops: data.shops, calls: trimmed({ ...gone(feed.calls, told), ...told }) };
  }
  const known = feed.calls[answers.call_sid];
  const missing = known && !told[answers.call_sid] ? { [answers.call_sid]: over(known) } : {};
  return { ...feed, asked, calls: trimmed({ ...feed.calls, ...missing, ...told }) };
}

/** Calls that the server no longer speaks of have ended while we were not listening. */
function gone(calls: Record<string, CallState>, told: Record<string, CallState>): Record<string, CallState> {
  return Object.fromEntries(Object.entries(calls).map(([sid, call]) => [sid, told[sid] ?? over(call)]));
}

function over(call: CallState): CallState {
  return call.state === "ended" ? call : { ...call, state: "ended", operator: null };
}

function delta(feed: Feed, data: Delta): Step {
  if (isAsked(feed, data.call_sid)) return { feed }; // the snapshot on its way has it
  const call = feed.calls[data.call_sid] ?? blank(data.location_id, data.call_sid, data.event.at);
  if (data.n <= call.n) return { feed };
  if ((data.from_n ?? data.n) > call.n + 1) {
    return { feed: { ...feed, asked: [...feed.asked, { call_sid: data.call_sid }] }, resync: data.call_sid };
  }
  const next = { ...fold(call, data.event), n: data.n };
  return { feed: { ...feed, calls: trimmed({ ...feed.calls, [data.call_sid]: next }) } };
}

/** Deltas that come between the question and its snapshot are in the snapshot: the socket keeps its order. */
function isAsked(feed: Feed, callSid: string): boolean {
  return feed.asked.some((asked) => asked === "all" || asked.call_sid === callSid);
}

function trimmed(calls: Record<string, CallState>): Record<string, CallState> {
  const ended = Object.values(calls).filter((call) => call.state === "ended");
  if (ended.length <= ENDED_SHOWN) return calls;
  ended.sort((one, other) => one.started_at.localeCompare(other.started_at));
  const dropped = new Set(ended.slice(0, -ENDED_SHOWN).map((call) => call.call_sid));
  return Object.fromEntries(Object.entries(calls).filter(([sid]) => !dropped.has(sid)));
}
