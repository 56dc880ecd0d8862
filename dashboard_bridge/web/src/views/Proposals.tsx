import { useMutation, useQuery } from "@tanstack/react-query";
import { ArrowLeft, Check, CircleCheck, X } from "lucide-react";
import { Link } from "wouter";
import { api, type Change, type Proposal } from "../api";
import { Empty, Failure, Head, Loading } from "../components/states";
import { dayAndClock, words } from "../format";
import { may, queries, useMe, useShops } from "../session";

/** What a shop's website says anew, one change at a time. */
export default function Proposals({ locationId }: { locationId: number }) {
  const shop = useShops().find((one) => one.location_id === locationId);
  const key = ["proposal", locationId];
  const { data, error, refetch } = useQuery({ queryKey: key, queryFn: () => api.proposal(locationId) });
  const back = (
    <Link href={`/shops/${locationId}`} className="button">
      <ArrowLeft size={16} aria-hidden="true" /> {shop?.business_name ?? "The shop"}
    </Link>
  );
  if (error) return <Failure error={error} again={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  return (
    <div className="page page-narrow">
      <Head
        title="Changes to approve"
        sub={data ? "The website says these things differently from what callers are told." : undefined}
      >
        {back}
      </Head>
      {data ? (
        <Open proposal={data} locationId={locationId} zone={shop?.timezone} />
      ) : (
        <Empty title="Nothing to approve" icon={<CircleCheck size={28} aria-hidden="true" />}>
          <p>The shop and its website say the same, or everything has been decided.</p>
        </Empty>
      )}
    </div>
  );
}

interface OpenProps {
  proposal: Proposal;
  locationId: number;
  zone: string | undefined;
}

function Open({ proposal, locationId, zone }: OpenProps) {
  const { data: me } = useMe();
  const decide = useMutation({
    mutationFn: (verdicts: { approve?: string[]; reject?: string[] }) => api.decide(locationId, proposal.id, verdicts),
    onSettled: () =>
      Promise.all(
        ["proposal", "home", "knowledge"].map((name) => queries.invalidateQueries({ queryKey: [name, locationId] })),
      ),
  });
  const open = proposal.changes.filter((change) => !change.decision);
  const decidable = may(me, "owner", locationId) && !decide.isPending;
  return (
    <>
      {proposal.created_at && <p className="quiet">Read {dayAndClock(proposal.created_at, zone)}</p>}
      {decide.error && (
        <p className="problem" role="alert">
          {decide.error.message}
        </p>
      )}
      <ul className="changes">
        {open.map((change) => (
          <OneChange
            key={change.id}
            change={change}
            isDecidable={decidable}
            approve={() => decide.mutate({ approve: [change.id] })}
            reject={() => decide.mutate({ reject: [change.id] })}
          />
        ))}
      </ul>
    </>
  );
}

interface OneChangeProps {
  change: Change;
  isDecidable: boolean;
  approve: () => void;
  reject: () => void;
}

function OneChange({ change, isDecidable, approve, reject }: OneChangeProps) {
  const name = nameOf(change);
  return (
    <li className="change card">
      <header>
        <span className={`chip tone-${{ added: "good", changed: "plain", removed: "bad" }[change.kind]}`}>
          {words(change.kind)}
        </span>
        <h2>{name}</h2>
        <span className="quiet">{words(change.subject)}</span>
      </header>
      <div className="sides">
        <Side label="Now" value={change.before} other={change.after} />
        <Side label="Website" value={change.after} other={change.before} />
      </div>
      {change.source && <Quote source={change.source} />}
      {isDecidable && (
        <footer>
          <button type="button" className="button" onClick={reject} aria-label={`Reject: ${name}`}>
            <X size={16} aria-hidden="true" /> Reject
          </button>
          <button type="button" className="button button-main" onClick={approve} aria-label={`Approve: ${name}`}>
            <Check size={16} aria-hidden="true" /> Approve
          </button>
        </footer>
      )}
    </li>
  );
}

function nameOf({ subject, key, before, after }: Change): string {
  const one = (after ?? before) as { name?: unknown; question?: unknown } | null;
  const given = one && typeof one === "object" ? (one.name ?? one.question) : undefined;
  if (typeof given === "string") return given;
  return subject === "hours" ? (DAYS[key] ?? key) : words(key);
}

const DAYS: Record<string, string> = {
  mon: "Monday",
  tue: "Tuesday",
  wed: "Wednesday",
  thu: "Thursday",
  fri: "Friday",
  sat: "Saturday",
  sun: "Sunday",
};

/** One side of a change: of a thing with many parts, only those that differ. */
function Side({ label, value, other }: { label: string; value: unknown; other: unknown }) {
  return (
    <div className="side-of">
      <h3>{label}</h3>
      {isThing(value) ? <Parts value={value} other={isThing(other) ? other : {}} /> : <p>{inWords(value)}</p>}
    </div>
  );
}

function Parts({ value, other }: { value: Record<string, unknown>; other: Record<string, unknown> }) {
  const differing = Object.entries(value).filter(
    ([name, one]) =>
      JSON.stringify(one) !== JSON.stringify(other[name]) &&
      !(isNothing(one) || one === 0 ? isNothing(other[name]) : false),
  );
  return (
    <dl className="facts">
      {differing.map(([name, one]) => (
        <div key={name}>
          <dt>{words(name)}</dt>
          <dd>{inWords(one)}</dd>
        </div>
      ))}
    </dl>
  );
}

function isThing(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNothing(value: unknown): boolean {
  return (
    value === null || value === undefined || value === "" || value === false || (Array.isArray(value) && !value.length)
  );
}

function inWords(value: unknown): string {
  if (isNothing(value)) return value === false ? "no" : "nothing";
  if (value === true) return "yes";
  if (Array.isArray(value)) return value.map(inWords).join(", ");
  if (isThing(value)) {
    const { opens, closes } = value;
    if (typeof opens === "string" && typeof closes === "string") return `${opens.slice(0, 5)}–${closes.slice(0, 5)}`;
    return Object.entries(value)
      .map(([name, one]) => `${words(name)}: ${inWords(one)}`)
      .join(", ");
  }
  return String(value);
}

/** Where the website says so. Its address is shown as text, and linked only when it is a web address. */
function Quote({ source }: { source: { url: string; quote: string } }) {
  const isWeb = /^https?:\/\//i.test(source.url);
  return (
    <blockquote className="quote">
      {source.quote && <p>“{source.quote}”</p>}
      <footer>
        {isWeb ? (
          <a href={source.url} target="_blank" rel="noreferrer noopener">
            {source.url}
          </a>
        ) : (
          source.url
        )}
      </footer>
    </blockquote>
  );
}
