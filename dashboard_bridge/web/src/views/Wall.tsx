import { PhoneCall, PhoneIncoming, Search } from "lucide-react";
import { useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { FlagChips, PhaseChip } from "../components/chips";
import { useKeys } from "../components/Shortcuts";
import { Sparkline } from "../components/Sparkline";
import { Empty, Head } from "../components/states";
import { SPEAKERS } from "../components/Transcript";
import { duration, phone } from "../format";
import { useLive } from "../live/store";
import { useNow } from "../live/useNow";
import { useShops } from "../session";
import { answers } from "../timing";
import type { CallState, ShopListing } from "../wire";
import { CallPane } from "./CallPane";

/** Everything on the phones now; beside it, the call that is looked at. */
export function Wall({ callSid }: { callSid?: string }) {
  const calls = useLive((live) => live.calls);
  const shops = useShops();
  const [shop, setShop] = useState("");
  const [search, setSearch] = useState("");
  const shown = Object.values(calls).filter((call) => fits(call, shop, search));
  const live = shown.filter((call) => call.state !== "ended").sort(byStart);
  const ended = shown.filter((call) => call.state === "ended").sort(byStart);
  useStepping([...live, ...ended], callSid);
  return (
    <div className={`wall ${callSid ? "wall-split" : ""}`}>
      <div className="wall-list">
        <Head title="Wall" sub={live.length === 1 ? "1 live call" : `${live.length} live calls`}>
          <Filters shops={shops} shop={shop} setShop={setShop} search={search} setSearch={setSearch} />
        </Head>
        {shown.length === 0 ? (
          <Nothing shops={shops} isFiltered={shop !== "" || search !== ""} />
        ) : (
          <>
            <Rows calls={live} label="Live calls" selected={callSid} />
            {ended.length > 0 && <h2 className="divider">Just ended</h2>}
            <Rows calls={ended} label="Calls that just ended" selected={callSid} />
          </>
        )}
      </div>
      {callSid && <CallPane key={callSid} callSid={callSid} />}
    </div>
  );
}

function byStart(one: CallState, other: CallState): number {
  return other.started_at.localeCompare(one.started_at);
}

function fits(call: CallState, shop: string, search: string): boolean {
  if (shop && String(call.location_id) !== shop) return false;
  const wanted = search.trim().toLowerCase();
  if (!wanted) return true;
  const heap = [call.caller, phone(call.caller), call.business_name, ...call.lines.map((line) => line.text)];
  return heap.join("\n").toLowerCase().includes(wanted);
}

function useStepping(calls: CallState[], selected: string | undefined) {
  const [, go] = useLocation();
  const step = (by: number) => () => {
    const at = calls.findIndex((call) => call.call_sid === selected);
    const next = calls[at < 0 ? 0 : Math.min(calls.length - 1, Math.max(0, at + by))];
    if (next) go(`/live/${encodeURIComponent(next.call_sid)}`);
  };
  useKeys({ j: step(1), k: step(-1) });
}

interface FiltersProps {
  shops: ShopListing[];
  shop: string;
  setShop: (shop: string) => void;
  search: string;
  setSearch: (search: string) => void;
}

function Filters({ shops, shop, setShop, search, setSearch }: FiltersProps) {
  const box = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  return (
    <search className="filters">
      <label className="search">
        <Search size={16} aria-hidden="true" />
        <span className="visually-hidden">Search calls</span>
        <input
          ref={box}
          type="search"
          placeholder="Number, shop or words"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </label>
      <label>
        <span className="visually-hidden">Shop</span>
        <select value={shop} onChange={(event) => setShop(event.target.value)}>
          <option value="">All shops</option>
          {shops.map((one) => (
            <option key={one.location_id} value={one.location_id}>
              {one.business_name}
            </option>
          ))}
        </select>
      </label>
    </search>
  );
}

function Rows({ calls, label, selected }: { calls: CallState[]; label: string; selected: string | undefined }) {
  if (calls.length === 0) return null;
  return (
    <ul className="rows" aria-label={label}>
      {calls.map((call) => (
        <li key={call.call_sid}>
          <Row call={call} isSelected={call.call_sid === selected} />
        </li>
      ))}
    </ul>
  );
}

function Row({ call, isSelected }: { call: CallState; isSelected: boolean }) {
  const line = call.lines.at(-1);
  return (
    <Link
      href={`/live/${encodeURIComponent(call.call_sid)}`}
      className={`row ${call.state === "ended" ? "row-ended" : ""}`}
      aria-current={isSelected ? "true" : undefined}
    >
      <span className="row-top">
        <PhaseChip phase={call.state} operator={call.operator} />
        <strong className="row-shop">{call.business_name}</strong>
        <Since call={call} />
      </span>
      <span className="row-caller">
        {phone(call.caller)}
        <Sparkline answers={answers(call.timings)} />
      </span>
      <span className={`row-line ${line && !line.final ? "interim" : ""}`}>
        {line ? (
          <>
            <span className="row-speaker">{SPEAKERS[line.speaker]}: </span>
            {line.heard_text ?? line.text}
          </>
        ) : (
          "…"
        )}
      </span>
      <FlagChips flags={call.flags} />
    </Link>
  );
}

/** How long a call has lasted; for one that is over, as far as its words tell. */
export function Since({ call }: { call: CallState }) {
  const now = useNow();
  const last = call.lines.at(-1)?.at ?? call.started_at;
  const end = call.state === "ended" ? Date.parse(last) : now;
  return <span className="since">{duration(end - Date.parse(call.started_at))}</span>;
}

function Nothing({ shops, isFiltered }: { shops: ShopListing[]; isFiltered: boolean }) {
  if (isFiltered) {
    return <Empty title="No call fits" icon={<PhoneCall size={28} aria-hidden="true" />} />;
  }
  return (
    <Empty title="The phones are quiet" icon={<PhoneIncoming size={28} aria-hidden="true" />}>
      <p>Calls appear here as they come in, with every word as it is said.</p>
      {shops.length > 0 && (
        <ul className="numbers">
          {shops.slice(0, 4).map((shop) => (
            <li key={shop.location_id}>
              {shop.business_name} <span className="mono">{phone(shop.phone_number)}</span>
            </li>
          ))}
        </ul>
      )}
      <p className="quiet">
        In the demo, scripted callers ring every now and then; <code>make demo</code> also prints a command that rings
        with a recording of yours.
      </p>
    </Empty>
  );
}
