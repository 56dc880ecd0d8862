import { CircleHelp, type MicOff, Scissors, TriangleAlert, Unplug } from "lucide-react";
import { words } from "../format";
import type { CallPhase, VendorState } from "../wire";

const PHASES: Record<CallPhase, string> = {
  ringing: "Ringing",
  greeting: "Greeting",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  taken_over: "Taken over",
  transferring: "Transferring",
  ended: "Ended",
};

/** What a call is doing. The colour says it again; the word is what counts. */
export function PhaseChip({ phase, operator }: { phase: CallPhase; operator?: string | null }) {
  const by = phase === "taken_over" && operator ? ` by ${operator}` : "";
  return (
    <span className={`chip phase phase-${phase}`}>
      <span className="dot" aria-hidden="true" />
      {PHASES[phase] ?? words(phase)}
      {by}
    </span>
  );
}

const FLAGS: Record<string, { label: string; icon: typeof MicOff; tone: string }> = {
  mismatch: { label: "Said and done differ", icon: TriangleAlert, tone: "bad" },
  unanswered: { label: "Question unanswered", icon: CircleHelp, tone: "warn" },
  interrupted: { label: "Interrupted", icon: Scissors, tone: "plain" },
};

export function FlagChips({ flags }: { flags: string[] }) {
  if (flags.length === 0) return null;
  return (
    <ul className="flags" aria-label="Flags">
      {flags.map((flag) => (
        <li key={flag}>
          <FlagChip flag={flag} />
        </li>
      ))}
    </ul>
  );
}

function FlagChip({ flag }: { flag: string }) {
  const vendor = flag.startsWith("vendor:") ? words(flag.slice(7)) : null;
  const {
    label,
    icon: Icon,
    tone,
  } = vendor
    ? { label: `${vendor} degraded`, icon: Unplug, tone: "warn" }
    : (FLAGS[flag] ?? { label: words(flag), icon: TriangleAlert, tone: "plain" });
  return (
    <span className={`chip tone-${tone}`}>
      <Icon size={13} aria-hidden="true" />
      {label}
    </span>
  );
}

const OUTCOME_TONES: Record<string, string> = {
  booked: "good",
  moved: "good",
  cancelled: "plain",
  message: "plain",
  question: "plain",
  transferred: "warn",
  abandoned: "bad",
};

export function OutcomeChip({ outcome }: { outcome: string | null }) {
  if (!outcome) return <span className="chip tone-plain">No outcome</span>;
  return <span className={`chip tone-${OUTCOME_TONES[outcome] ?? "plain"}`}>{words(outcome)}</span>;
}

const VENDOR_TONES: Record<VendorState, string> = { ok: "good", degraded: "warn", down: "bad" };

export function VendorChip({ state }: { state: VendorState }) {
  return (
    <span className={`chip tone-${VENDOR_TONES[state] ?? "plain"}`}>
      <span className="dot" aria-hidden="true" />
      {state === "ok" ? "OK" : words(state)}
    </span>
  );
}
