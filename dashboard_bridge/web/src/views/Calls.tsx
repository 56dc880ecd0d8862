import { useInfiniteQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { type FormEvent, useRef } from "react";
import { Link, useSearchParams } from "wouter";
import { api, type CallFilter, type CallSummary } from "../api";
import { FlagChips, OutcomeChip } from "../components/chips";
import { useKeys } from "../components/Shortcuts";
import { Empty, Failure, Head, Loading } from "../components/states";
import { dayAndClock, duration, phone } from "../format";
import { useShops } from "../session";
import type { ShopListing } from "../wire";

const OUTCOMES = ["booked", "moved", "cancelled", "question", "message", "transferred", "abandoned"];
const FIELDS = ["q", "location_id", "outcome", "from", "to"] as const;

/** Calls that were taken, newest first; the filter is in the address, so that it can be passed on. */
export default function Calls() {
  const [params, setParams] = useSearchParams();
  const filter: CallFilter = Object.fromEntries(FIELDS.map((name) => [name, params.get(name) ?? ""]));
  const shops = useShops();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["calls", filter],
    queryFn: ({ pageParam }) => api.calls(filter, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  const calls = data?.pages.flatMap((page) => page.calls);
  return (
    <div className="page">
      <Head title="Calls" sub="Everything that was said on the phone, newest first." />
      <Filter
        key={params.toString()}
        filter={filter}
        shops={shops}
        apply={(chosen) => setParams(new URLSearchParams(chosen))}
      />
      {error && <Failure error={error} again={() => void refetch()} />}
      {!calls && !error && <Loading />}
      {calls?.length === 0 && <Empty title="No call fits">Try fewer words or a longer time.</Empty>}
      {calls && calls.length > 0 && <Table calls={calls} shops={shops} />}
      {hasNextPage && (
        <button
          type="button"
          className="button more"
          disabled={isFetchingNextPage}
          onClick={() => void fetchNextPage()}
        >
          {isFetchingNextPage ? "Loading…" : "Older calls"}
        </button>
      )}
    </div>
  );
}

interface FilterProps {
  filter: CallFilter;
  shops: ShopListing[];
  apply: (chosen: [string, string][]) => void;
}

function Filter({ filter, shops, apply }: FilterProps) {
  const box = useRef<HTMLInputElement>(null);
  const form = useRef<HTMLFormElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!form.current) return;
    const chosen = [...new FormData(form.current)].filter(([, value]) => value !== "");
    apply(chosen.map(([name, value]) => [name, String(value)]));
  };
  return (
    <search>
      <form ref={form} className="filters filters-wide" onSubmit={submit}>
        <label className="search">
          <Search size={16} aria-hidden="true" />
          <span className="visually-hidden">Words that were said</span>
          <input ref={box} type="search" name="q" placeholder="Words that were said" defaultValue={filter.q} />
        </label>
        <label>
          <span className="visually-hidden">Shop</span>
          <select name="location_id" defaultValue={filter.location_id} onChange={() => submit()}>
            <option value="">All shops</option>
            {shops.map((shop) => (
              <option key={shop.location_id} value={shop.location_id}>
                {shop.business_name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span className="visually-hidden">Outcome</span>
          <select name="outcome" defaultValue={filter.outcome} onChange={() => submit()}>
            <option value="">Any outcome</option>
            {OUTCOMES.map((outcome) => (
              <option key={outcome}>{outcome}</option>
            ))}
          </select>
        </label>
        <label className="dated">
          From <input type="date" name="from" defaultValue={filter.from} onChange={() => submit()} />
        </label>
        <label className="dated">
          to <input type="date" name="to" defaultValue={filter.to} onChange={() => submit()} />
        </label>
        <button type="submit" className="button">
          Search
        </button>
      </form>
    </search>
  );
}

function Table({ calls, shops }: { calls: CallSummary[]; shops: ShopListing[] }) {
  const shopOf = new Map(shops.map((shop) => [shop.location_id, shop]));
  return (
    <table className="table table-stacked">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Caller</th>
          <th scope="col">Shop</th>
          <th scope="col">Outcome</th>
          <th scope="col">What it was about</th>
          <th scope="col" className="number">
            Length
          </th>
        </tr>
      </thead>
      <tbody>
        {calls.map((call) => {
          const shop = shopOf.get(call.location_id);
          return (
            <tr key={call.call_sid}>
              <td className="when">{dayAndClock(call.started_at, shop?.timezone)}</td>
              <td>
                <Link href={`/calls/${encodeURIComponent(call.call_sid)}`} className="cell-link">
                  {phone(call.caller)}
                </Link>
              </td>
              <td>{shop?.business_name ?? `Location ${call.location_id}`}</td>
              <td>{call.ended_at ? <OutcomeChip outcome={call.outcome} /> : <span className="chip">Live</span>}</td>
              <td className="about">
                {call.summary}
                <FlagChips flags={call.flags} />
              </td>
              <td className="number">
                {call.ended_at ? duration(Date.parse(call.ended_at) - Date.parse(call.started_at)) : "–"}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
