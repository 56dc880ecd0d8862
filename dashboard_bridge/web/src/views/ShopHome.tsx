import { useQuery } from "@tanstack/react-query";
import { CalendarDays, CircleCheck, FilePen, GitPullRequestArrow } from "lucide-react";
import { useEffect } from "react";
import { Link } from "wouter";
import { api, type Home, type NeedsAction, type Unanswered } from "../api";
import { Card, Failure, Head, Loading } from "../components/states";
import { Timeline } from "../components/Timeline";
import { day, dayAndClock, phone, words } from "../format";
import { useLive } from "../live/store";
import { may, queries, useMe, useShops } from "../session";

/** A shop's day: who comes, and what its people should look at. */
export default function ShopHome({ locationId }: { locationId: number }) {
  const { data: me } = useMe();
  const shop = useShops().find((one) => one.location_id === locationId);
  const { data, error, refetch } = useHome(locationId);
  const owns = may(me, "owner", locationId);
  if (error) return <Failure error={error} again={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <div className="page">
      <Head
        title={shop?.business_name ?? `Location ${locationId}`}
        sub={shop && `${phone(shop.phone_number)} · ${shop.timezone}`}
      >
        {data.proposals > 0 && (
          <Link href={`/shops/${locationId}/changes`} className="button button-main">
            <GitPullRequestArrow size={16} aria-hidden="true" /> {data.proposals} to approve
          </Link>
        )}
        <Link href={`/calls?location_id=${locationId}`} className="button">
          Calls
        </Link>
        {owns && (
          <Link href={`/shops/${locationId}/knowledge`} className="button">
            <FilePen size={16} aria-hidden="true" /> Edit knowledge
          </Link>
        )}
      </Head>
      <Card title={`Today, ${day(new Date().toISOString(), shop?.timezone)}`} count={data.today.length}>
        {data.today.length === 0 ? (
          <p className="quiet">
            <CalendarDays size={16} aria-hidden="true" /> Nobody is booked today.
          </p>
        ) : (
          <Timeline bookings={data.today} zone={shop?.timezone} />
        )}
      </Card>
      <Attention home={data} zone={shop?.timezone} />
    </div>
  );
}

/** The day as stored; asked for anew when the feed tells of a change in the book. */
function useHome(locationId: number) {
  const booked = useLive((live) => live.bookings[locationId]);
  useEffect(() => {
    if (booked) void queries.invalidateQueries({ queryKey: ["home", locationId] });
  }, [booked, locationId]);
  return useQuery({ queryKey: ["home", locationId], queryFn: () => api.home(locationId) });
}

function Attention({ home, zone }: { home: Home; zone: string | undefined }) {
  const { needs_action: needed, unanswered } = home;
  const messages = needed.filter((item) => item.kind === "message");
  const others = needed.filter((item) => item.kind !== "message");
  return (
    <div className="columns columns-three">
      <Card title="Needs action" count={others.length}>
        <Items items={others} zone={zone} none="Nothing needs you." />
      </Card>
      <Card title="Messages" count={messages.length}>
        <Items items={messages} zone={zone} none="No messages." />
      </Card>
      <Card title="Questions without an answer" count={unanswered.length}>
        <Questions asked={unanswered} zone={zone} />
      </Card>
    </div>
  );
}

function Items({ items, zone, none }: { items: NeedsAction[]; zone: string | undefined; none: string }) {
  if (items.length === 0) return <AllGood text={none} />;
  return (
    <ul className="todo">
      {items.map((item) => (
        <li key={`${item.kind}-${item.at}-${item.call_sid}`}>
          <p className="todo-head">
            <strong>{item.kind === "message" ? item.caller_name || "Nameless" : words(item.kind)}</strong>
            <time dateTime={item.at} className="quiet">
              {dayAndClock(item.at, zone)}
            </time>
          </p>
          <p>{item.text}</p>
          <p className="quiet">
            {item.callback_number && <a href={`tel:${item.callback_number}`}>{phone(item.callback_number)}</a>}
            {item.callback_number && item.call_sid && " · "}
            {item.call_sid && <Link href={`/calls/${encodeURIComponent(item.call_sid)}`}>Open the call</Link>}
          </p>
        </li>
      ))}
    </ul>
  );
}

function Questions({ asked, zone }: { asked: Unanswered[]; zone: string | undefined }) {
  if (asked.length === 0) return <AllGood text="Every question had an answer." />;
  return (
    <ul className="todo">
      {asked.map((item) => (
        <li key={`${item.question}-${item.at}`}>
          <p>“{item.question}”</p>
          <p className="quiet">
            {item.times && item.times > 1 ? `Asked ${item.times} times · ` : ""}
            {item.at && dayAndClock(item.at, zone)}
            {item.call_sid && (
              <>
                {" · "}
                <Link href={`/calls/${encodeURIComponent(item.call_sid)}`}>Open the call</Link>
              </>
            )}
          </p>
        </li>
      ))}
    </ul>
  );
}

function AllGood({ text }: { text: string }) {
  return (
    <p className="quiet all-good">
      <CircleCheck size={16} aria-hidden="true" /> {text}
    </p>
  );
}
