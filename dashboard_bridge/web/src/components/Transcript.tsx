import { CalendarCheck, CalendarClock, CalendarX, ChevronDown, TriangleAlert, Wrench } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Mismatch } from "../api";
import { clock, dayAndClock, millis, splitHeard, words } from "../format";
import type { Line, ShownBooking, ToolCard } from "../wire";

interface Conversation {
  lines: Line[];
  tools: ToolCard[];
  bookings: ShownBooking[];
  mismatches?: Mismatch[];
}

type Item =
  | { kind: "line"; key: string; line: Line }
  | { kind: "tool"; key: string; tool: ToolCard }
  | { kind: "booking"; key: string; booking: ShownBooking }
  | { kind: "mismatch"; key: string; mismatch: Mismatch };

/** Both sides of a conversation, with what was done in it. `live` keeps the newest words in sight. */
export function Transcript({ live, zone, ...said }: Conversation & { live?: boolean; zone: string | undefined }) {
  const items = inOrder(said);
  const { scroller, isBehind, catchUp } = useFollow(live ?? false, items);
  return (
    <div className="transcript-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div className="transcript" ref={scroller} role="log" aria-label="Transcript" tabIndex={0}>
        {items.length === 0 && <p className="quiet">Nobody has said anything yet.</p>}
        <ol>
          {items.map((item) => (
            <li key={item.key} className={`item item-${item.kind}`}>
              <One item={item} zone={zone} />
            </li>
          ))}
        </ol>
      </div>
      {isBehind && (
        <button type="button" className="button latest" onClick={catchUp}>
          <ChevronDown size={16} aria-hidden="true" /> Latest
        </button>
      )}
    </div>
  );
}

/** The caller's words of a turn, what was done about them, the answer. */
function inOrder({ lines, tools, bookings, mismatches = [] }: Conversation): Item[] {
  const last = Math.max(0, ...lines.map((line) => line.turn));
  const ranked: { turn: number; rank: number; item: Item }[] = [
    ...lines.map((line, at) => ({
      turn: line.turn,
      rank: line.speaker === "caller" ? 0 : 3,
      item: { kind: "line", key: `line-${at}`, line } as Item,
    })),
    ...tools.map((tool) => ({
      turn: tool.turn,
      rank: 1,
      item: { kind: "tool", key: `tool-${tool.tool_call_id}`, tool } as Item,
    })),
    ...bookings.map((booking) => ({
      turn: booking.turn ?? last,
      rank: 2,
      item: { kind: "booking", key: `booking-${booking.booking_id}`, booking } as Item,
    })),
    ...mismatches.map((mismatch, at) => ({
      turn: mismatch.turn,
      rank: 4,
      item: { kind: "mismatch", key: `mismatch-${at}`, mismatch } as Item,
    })),
  ];
  return ranked.sort((one, other) => one.turn - other.turn || one.rank - other.rank).map(({ item }) => item);
}

/** Stays at the end while the reader is there, and leaves them alone while they read further up. */
function useFollow(live: boolean, news: unknown) {
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [isBehind, setBehind] = useState(false);
  useEffect(() => {
    const element = scroller.current;
    if (!element || !live) return;
    const watch = () => {
      following.current = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
      setBehind(!following.current);
    };
    element.addEventListener("scroll", watch, { passive: true });
    return () => element.removeEventListener("scroll", watch);
  }, [live]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new words are what it follows
  useEffect(() => {
    const element = scroller.current;
    if (live && following.current && element) element.scrollTop = element.scrollHeight;
  }, [live, news]);
  const catchUp = () => {
    following.current = true;
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  };
  return { scroller, isBehind, catchUp };
}

function One({ item, zone }: { item: Item; zone: string | undefined }) {
  switch (item.kind) {
    case "line":
      return <Said line={item.line} zone={zone} />;
    case "tool":
      return <Tool tool={item.tool} />;
    case "booking":
      return <Booked booking={item.booking} zone={zone} />;
    case "mismatch":
      return <Differs mismatch={item.mismatch} />;
  }
}

export const SPEAKERS = { caller: "Caller", agent: "Receptionist", operator: "Operator" };

function Said({ line, zone }: { line: Line; zone: string | undefined }) {
  return (
    // Half-said words change several times a second: a screen reader waits for the final ones.
    <div
      className={`said said-${line.speaker} ${line.final ? "" : "interim"}`}
      aria-live={line.final ? undefined : "off"}
    >
      <p className="said-head">
        {SPEAKERS[line.speaker]} <time dateTime={line.at}>{clock(line.at, zone)}</time>
      </p>
      <p className="said-text">{line.speaker === "agent" ? <AgentWords line={line} /> : line.text}</p>
    </div>
  );
}

/** What the caller heard, and what of it was cut off. */
function AgentWords({ line }: { line: Line }) {
  const { heard, unheard } = splitHeard(line.text, line.heard_text);
  if (!unheard) return heard;
  return (
    <>
      {heard}
      {line.interrupted && <span className="cut" title="The caller began to speak here" />}
      <del className="unheard">
        <span className="visually-hidden">{line.interrupted ? " (cut off by the caller: " : " (not heard: "}</span>
        {unheard}
        <span className="visually-hidden">)</span>
      </del>
    </>
  );
}

function Tool({ tool }: { tool: ToolCard }) {
  const given = Object.entries(tool.arguments);
  return (
    <details className="event">
      <summary>
        <Wrench size={14} aria-hidden="true" />
        <span className="event-name">{words(tool.tool)}</span>
        <span className={`outcome outcome-${tool.outcome ?? "running"}`}>{tool.outcome ?? "running"}</span>
        {tool.took_ms !== null && <span className="quiet">{millis(tool.took_ms)}</span>}
      </summary>
      {given.length === 0 ? (
        <p className="quiet">Without arguments</p>
      ) : (
        <dl className="facts">
          {given.map(([name, value]) => (
            <div key={name}>
              <dt>{words(name)}</dt>
              <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </details>
  );
}

const BOOKED = {
  held: { icon: CalendarClock, label: "Held" },
  booked: { icon: CalendarCheck, label: "Booked" },
  cancelled: { icon: CalendarX, label: "Cancelled" },
};

export function Booked({ booking, zone }: { booking: ShownBooking; zone: string | undefined }) {
  const { icon: Icon, label } = BOOKED[booking.state];
  return (
    <div className={`booking booking-${booking.state}`}>
      <Icon size={18} aria-hidden="true" />
      <div>
        <p>
          <strong>{label}</strong> {booking.what}
        </p>
        <p className="quiet">
          {dayAndClock(booking.starts, zone)}–{clock(booking.ends, zone)}
          {booking.customer_name && ` · ${booking.customer_name}`}
        </p>
      </div>
    </div>
  );
}

export function Differs({ mismatch }: { mismatch: Mismatch }) {
  return (
    <div className="booking differs">
      <TriangleAlert size={18} aria-hidden="true" />
      <dl className="facts">
        <div>
          <dt>Said</dt>
          <dd>{mismatch.said}</dd>
        </div>
        <div>
          <dt>Done</dt>
          <dd>{mismatch.did}</dd>
        </div>
      </dl>
    </div>
  );
}
