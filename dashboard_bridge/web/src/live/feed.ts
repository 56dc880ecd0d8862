// The state of the whole feed, as pure steps: snapshots, numbered deltas, and what to ask for when one is missing.

import type { CallState, Delta, OpsMessage, ShopListing, ShownBooking, SnapshotData, VendorState } from "../wire";
import { blank, fold } from "./fold";

/** Calls that are over and still shown. */
export const ENDED_SHOWN = 12;

export interface Feed {
  calls: Record<string, CallState>;
  shops: ShopListing[];
  vendors: Record<string, VendorState>;
  /** By location: today's and later. */
  bookings: Record<number, ShownBooking[]>;
  /** Calls whose snapshot was asked for and has not come; their deltas are in it. */
  asked: string[];
  /** Whether the first snapshot of this connection has come. */
  isWhole: boolean;
}

export interface Step {
  feed: Feed;
  /** The call whose state has to be asked for anew. */
  resync?: string;
}

export const EMPTY: Feed = { calls: {}, shops: [], vendors: {}, bookings: {}, asked: [], isWhole: false };

/** A connection began: it tells everything anew, and what was asked on the one before is never answered. */
export function connected(feed: Feed): Feed {
  return { ...feed, asked: [], isWhole: false };
}

/** What a message makes of the feed. */
export function step(feed: Feed, message: OpsMessage): Step {
  switch (message.type) {
    case "snapshot":
      return { feed: snapshot(feed, message.data) };
    case "event":
      return delta(feed, message.data);
    case "vendors":
      return { feed: { ...feed, vendors: { ...message.data } } };
    case "bookings":
      return { feed: { ...feed, bookings: { ...feed.bookings, [message.data.location_id]: message.data.bookings } } };
    default:
      return { feed };
  }
}

function snapshot(feed: Feed, { calls, shops, call_sid: only }: SnapshotData): Feed {
  const told = Object.fromEntries(calls.map((call) => [call.call_sid, call]));
  if (only === null) {
    return { ...feed, asked: [], isWhole: true, shops, calls: trimmed({ ...over(feed.calls, told), ...told }) };
  }
  const known = feed.calls[only];
  const rest = known ? over({ [only]: known }, told) : {};
  const asked = feed.asked.filter((sid) => sid !== only);
  return { ...feed, asked, calls: trimmed({ ...feed.calls, ...rest, ...told }) };
}

/** Calls that the server no longer speaks of have ended while we were not listening. */
function over(calls: Record<string, CallState>, told: Record<string, CallState>): Record<string, CallState> {
  const ended = (call: CallState): CallState => ({ ...call, state: "ended", operator: null });
  return Object.fromEntries(Object.entries(calls).map(([sid, call]) => [sid, told[sid] ?? ended(call)]));
}

function delta(feed: Feed, { location_id, call_sid: sid, n, from_n, event }: Delta): Step {
  if (!feed.isWhole || feed.asked.includes(sid)) return { feed };
  const call = feed.calls[sid] ?? blank(location_id, sid, event.at);
  if (n <= call.n) return { feed };
  if (from_n > call.n + 1) return { feed: { ...feed, asked: [...feed.asked, sid] }, resync: sid };
  const next = { ...fold(call, event), n };
  return { feed: { ...feed, calls: trimmed({ ...feed.calls, [sid]: next }) } };
}

function trimmed(calls: Record<string, CallState>): Record<string, CallState> {
  const ended = Object.values(calls).filter((call) => call.state === "ended");
  if (ended.length <= ENDED_SHOWN) return calls;
  ended.sort((one, other) => one.started_at.localeCompare(other.started_at));
  const dropped = new Set(ended.slice(0, -ENDED_SHOWN).map((call) => call.call_sid));
  return Object.fromEntries(Object.entries(calls).filter(([sid]) => !dropped.has(sid)));
}
