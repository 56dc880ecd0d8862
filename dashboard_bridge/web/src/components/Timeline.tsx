import type { CSSProperties } from "react";
import { clock, minuteOfDay } from "../format";
import { useNow } from "../live/useNow";
import type { AnyBooking, ShownBooking } from "../wire";

interface Block {
  key: string;
  staff: string;
  what: string;
  who: string;
  state: ShownBooking["state"];
  starts: string;
  ends: string;
}

/** A day's book: a row for each of the staff, blocks where they are taken. As a list on narrow screens. */
export function Timeline({ bookings, zone }: { bookings: AnyBooking[]; zone: string | undefined }) {
  const blocks = bookings.flatMap(blocksOf).sort((one, other) => one.starts.localeCompare(other.starts));
  const staff = [...new Set(blocks.map((block) => block.staff))].sort();
  const [first, last] = hoursOf(blocks, zone);
  const hours = Array.from({ length: last - first }, (_, at) => String(first + at).padStart(2, "0"));
  const place = (moment: string) => ((minuteOfDay(moment, zone) / 60 - first) / (last - first)) * 100;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="timeline" tabIndex={0} aria-label="The day by staff">
      <div className="timeline-hours" aria-hidden="true">
        {hours.map((hour) => (
          <span key={hour}>{hour}</span>
        ))}
      </div>
      {staff.map((name) => (
        <div className="lane" key={name}>
          <h3>{name}</h3>
          <ul className="lane-track" style={{ backgroundSize: `${100 / (last - first)}% 100%` }}>
            {blocks
              .filter((block) => block.staff === name)
              .map((block) => (
                <li
                  key={block.key}
                  className={`block block-${block.state}`}
                  title={`${block.who} · ${block.what}`}
                  style={
                    {
                      "--from": `${place(block.starts)}%`,
                      "--length": `${place(block.ends) - place(block.starts)}%`,
                    } as CSSProperties
                  }
                >
                  <span className="block-time">
                    {clock(block.starts, zone)}–{clock(block.ends, zone)}
                  </span>
                  <strong>{block.who || "Nameless"}</strong>
                  <span>
                    {block.what}
                    {block.state !== "booked" && ` (${block.state})`}
                  </span>
                </li>
              ))}
            <NowMark first={first} last={last} zone={zone} />
          </ul>
        </div>
      ))}
    </section>
  );
}

function NowMark({ first, last, zone }: { first: number; last: number; zone: string | undefined }) {
  const hour = minuteOfDay(new Date(useNow()).toISOString(), zone) / 60;
  if (hour < first || hour > last) return null;
  return <li className="now" aria-hidden="true" style={{ left: `${((hour - first) / (last - first)) * 100}%` }} />;
}

function blocksOf(booking: AnyBooking): Block[] {
  const { booking_id, state, customer_name: who } = booking;
  if (!("visit" in booking)) {
    const { staff, what, starts, ends } = booking;
    return [{ key: booking_id, staff: staff || "Everyone", what, who, state, starts, ends }];
  }
  return booking.visit.parts.map((part, at) => ({
    key: `${booking_id}-${at}`,
    staff: part.staff || "Everyone",
    what: part.service,
    who,
    state,
    starts: part.starts,
    ends: part.ends,
  }));
}

/** Whole hours around everything, at least a working day. */
function hoursOf(blocks: Block[], zone: string | undefined): [number, number] {
  const begins = blocks.map((block) => Math.floor(minuteOfDay(block.starts, zone) / 60));
  const ends = blocks.map((block) => Math.ceil(minuteOfDay(block.ends, zone) / 60));
  return [Math.min(9, ...begins), Math.max(18, ...ends)];
}
