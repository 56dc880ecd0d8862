// Whatever a connection does to deltas, the page ends up with what the server has: nothing twice, nothing lost.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connected, EMPTY, ENDED_SHOWN, type Feed, step } from "../src/live/feed";
import { blank, fold } from "../src/live/fold";
import type { CallEvent, CallState, Delta, OpsMessage } from "../src/wire";

const AT = "2026-11-23T07:00:00Z";
const SIDS = ["CA1", "CA2"];

type Told = CallEvent extends infer E
  ? E extends unknown
    ? Omit<E, "at" | "seq" | "call_sid" | "location_id">
    : never
  : never;

/** The server's side: every call so far, and what it would send of a call. */
class Server {
  readonly calls = new Map<string, CallState>();

  take(sid: string, told: Told): Delta {
    const before = this.calls.get(sid) ?? blank(1, sid, AT);
    const n = before.n + 1;
    const event = { ...told, call_sid: sid, location_id: 1, seq: n, at: AT } as CallEvent;
    this.calls.set(sid, { ...fold(before, event), n });
    return { location_id: 1, call_sid: sid, n, from_n: n, event };
  }

  snapshot(only: string | null = null): OpsMessage {
    const calls = [...this.calls.values()].filter((call) => only === null || call.call_sid === only);
    return { type: "snapshot", data: { at: AT, call_sid: only, calls, shops: [] } } as OpsMessage;
  }
}

const turn = fc.integer({ min: 1, max: 4 });
const words = fc.constantFrom("Hello", "A cut please", "Tomorrow at ten", "<b>Bobby</b>");
const event: fc.Arbitrary<Told> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant("turn.heard" as const), turn, text: words, final: fc.boolean() }),
  },
  fc.record({ type: fc.constant("turn.started" as const), turn, interrupting: fc.boolean() }),
  fc.record({
    type: fc.constant("turn.spoken" as const),
    turn,
    text: words,
    heard_text: words,
    interrupted: fc.boolean(),
    voice_to_voice_ms: fc.constant(700),
  }),
  fc.record({
    type: fc.constant("stage.timed" as const),
    turn,
    stage: fc.constantFrom("stt", "llm", "tts"),
    ms: fc.nat(900),
  }),
  fc.record({
    type: fc.constant("vendor.degraded" as const),
    vendor: fc.constantFrom("openai", "cartesia"),
    code: words,
    message: words,
  }),
  fc.record({
    type: fc.constant("operator.acted" as const),
    operator: words,
    act: fc.constantFrom("say", "take_over", "hand_back", "whisper"),
    detail: words,
  }),
) as fc.Arbitrary<Told>;

/** What the line does to one delta. */
const fate = fc.constantFrom("arrives", "arrives", "arrives", "twice", "lost", "reconnects", "late answer");
const story = fc.array(fc.record({ sid: fc.constantFrom(...SIDS), event, fate }), { maxLength: 60 });

/** The page's side, with answers to its questions that may be under way for a while. */
class Page {
  feed: Feed = connected(EMPTY);
  #asked: string[] = [];

  constructor(readonly server: Server) {
    this.receive(server.snapshot());
  }

  receive(message: OpsMessage): void {
    const { feed, resync } = step(this.feed, message);
    this.feed = feed;
    if (resync) this.#asked.push(resync);
  }

  answer(): void {
    for (const sid of this.#asked.splice(0)) this.receive(this.server.snapshot(sid));
  }

  reconnect(): void {
    this.#asked = [];
    this.feed = connected(this.feed);
    this.receive(this.server.snapshot());
  }
}

describe("the feed", () => {
  it("ends up with what the server has, whatever gets lost, doubled or late", () => {
    fc.assert(
      fc.property(story, (steps) => {
        const server = new Server();
        const page = new Page(server);
        for (const { sid, event: told, fate: happens } of steps) {
          const data = server.take(sid, told);
          if (happens !== "lost") page.receive({ type: "event", data } as OpsMessage);
          if (happens === "twice") page.receive({ type: "event", data } as OpsMessage);
          if (happens === "reconnects") page.reconnect();
          if (happens !== "late answer") page.answer();
        }
        for (const sid of server.calls.keys()) {
          page.receive({
            type: "event",
            data: server.take(sid, { type: "digit.pressed", digit: "1" } as Told),
          } as OpsMessage);
        }
        page.answer();
        expect(page.feed.asked).toEqual([]);
        expect(page.feed.calls).toEqual(Object.fromEntries(server.calls));
      }),
      { numRuns: 400 },
    );
  });

  it("takes a delta that stands for partials it never saw", () => {
    const server = new Server();
    const page = new Page(server);
    const heard = (text: string, final: boolean): Told => ({ type: "turn.heard", turn: 1, text, final });
    server.take("CA1", heard("A", false));
    server.take("CA1", heard("A cut", false));
    const last = server.take("CA1", heard("A cut please", false));
    page.receive({ type: "event", data: { ...last, from_n: 1 } } as OpsMessage);
    expect(page.feed.asked).toEqual([]);
    expect(page.feed.calls.CA1?.lines.map((line) => line.text)).toEqual(["A cut please"]);
  });

  it("shows a call as over when it ended while nobody listened", () => {
    const server = new Server();
    const page = new Page(server);
    page.receive({
      type: "event",
      data: server.take("CA1", { type: "turn.started", turn: 1, interrupting: false }),
    } as OpsMessage);
    server.calls.clear();
    page.reconnect();
    expect(page.feed.calls.CA1?.state).toBe("ended");
  });

  it("forgets the oldest of the calls that are over", () => {
    const server = new Server();
    const page = new Page(server);
    for (let at = 0; at <= ENDED_SHOWN; at++) {
      const sid = `CA${at}`;
      server.take(sid, { type: "call.ended", reason: "caller_hung_up", duration_ms: 1, turns: 0 });
      const call = server.calls.get(sid) as CallState;
      server.calls.set(sid, { ...call, started_at: `2026-11-23T07:${String(at).padStart(2, "0")}:00Z` });
    }
    page.reconnect();
    expect(Object.keys(page.feed.calls)).toHaveLength(ENDED_SHOWN);
    expect(page.feed.calls.CA0).toBeUndefined();
  });
});

describe("a call", () => {
  const head = { call_sid: "CA1", location_id: 1, seq: 1, at: AT };
  const made = (...events: Told[]) =>
    events.reduce((call, told) => fold(call, { ...head, ...told } as CallEvent), blank(1, "CA1", AT));

  it("lets interim words grow in place and keeps the caller's words before the answer", () => {
    const call = made(
      { type: "turn.heard", turn: 1, text: "A", final: false },
      { type: "turn.heard", turn: 1, text: "A cut", final: false },
      { type: "turn.spoken", turn: 1, text: "Sure", heard_text: "Sure", interrupted: false, voice_to_voice_ms: 1 },
      { type: "turn.heard", turn: 1, text: "A cut please", final: true },
    );
    expect(call.lines.map((line) => line.text)).toEqual(["A cut please", "Sure"]);
  });

  it("stays with the person who took it over while words go on", () => {
    const call = made(
      { type: "operator.acted", operator: "Maya", act: "take_over", detail: "" },
      { type: "turn.heard", turn: 1, text: "Hello?", final: true },
    );
    expect([call.state, call.operator]).toEqual(["taken_over", "Maya"]);
  });

  it("replaces what was held by what is booked", () => {
    const part = { service: "Cut", staff: "Noa", starts: AT, ends: AT };
    const booking = (booking_id: string, state: string) => ({
      booking_id,
      state,
      visit: { parts: [part] },
      customer_name: "Kimo",
    });
    const call = made(
      { type: "booking.held", booking: booking("h", "held") } as unknown as Told,
      { type: "booking.made", booking: booking("b", "booked") } as unknown as Told,
    );
    expect(call.bookings.map((card) => [card.booking_id, card.what])).toEqual([["b", "Cut with Noa"]]);
  });
});
