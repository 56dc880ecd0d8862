import { ArrowLeft, ExternalLink } from "lucide-react";
import { Link } from "wouter";
import { Acts } from "../components/Acts";
import { FlagChips, PhaseChip } from "../components/chips";
import { Empty } from "../components/states";
import { Transcript } from "../components/Transcript";
import { Waterfall } from "../components/Waterfall";
import { phone } from "../format";
import { useLive } from "../live/store";
import { useZone } from "../session";
import { Since } from "./Wall";

/** One live call: who, what is said, what can be done about it. */
export function CallPane({ callSid }: { callSid: string }) {
  const call = useLive((live) => live.calls[callSid]);
  const zone = useZone(call?.location_id);
  const isWide = matchMedia("(min-width: 760px)").matches;
  const stored = `/calls/${encodeURIComponent(callSid)}`;
  if (!call) {
    return (
      <section className="pane" aria-label="Call">
        <Empty title="This call is not live">
          <p>
            <Link href={stored}>Look for its record</Link>
          </p>
        </Empty>
      </section>
    );
  }
  return (
    <section className="pane" aria-label={`Call of ${phone(call.caller)}`}>
      <header className="pane-head">
        <Link href="/" className="icon-button pane-back">
          <ArrowLeft size={18} aria-hidden="true" />
          <span className="visually-hidden">Back to the wall</span>
        </Link>
        <div className="pane-title">
          <h1>{phone(call.caller)}</h1>
          <p className="quiet">{call.business_name}</p>
        </div>
        <PhaseChip phase={call.state} operator={call.operator} />
        <Since call={call} />
      </header>
      <FlagChips flags={call.flags} />
      {call.state === "ended" ? (
        <p className="banner">
          This call is over.{" "}
          <Link href={stored}>
            Open its record <ExternalLink size={13} aria-hidden="true" />
          </Link>
        </p>
      ) : (
        <Acts call={call} />
      )}
      <div className="pane-body">
        <Transcript live lines={call.lines} tools={call.tools} bookings={call.bookings} zone={zone} />
        <details className="pane-times" open={isWide}>
          <summary>Time to answer, by turn</summary>
          <Waterfall timings={call.timings} tools={call.tools} />
        </details>
      </div>
    </section>
  );
}
