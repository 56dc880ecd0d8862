import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { Link } from "wouter";
import { api, type CallDetail, timingsOf } from "../api";
import { FlagChips, OutcomeChip } from "../components/chips";
import { Card, Failure, Head, Loading } from "../components/states";
import { Booked, Differs, Transcript } from "../components/Transcript";
import { Waterfall } from "../components/Waterfall";
import { dayAndClock, duration, phone, words } from "../format";
import { bookingCard } from "../live/fold";
import { may, useMe, useShops } from "../session";
import type { AnyBooking, Line, ShownBooking } from "../wire";

/** The record of one call. */
export default function CallPage({ callSid }: { callSid: string }) {
  const { data, error, refetch } = useQuery({ queryKey: ["call", callSid], queryFn: () => api.call(callSid) });
  if (error) return <Failure error={error} again={() => void refetch()} />;
  if (!data) return <Loading />;
  return <Record detail={data} />;
}

function Record({ detail }: { detail: CallDetail }) {
  const { call, tools, mismatches, messages } = detail;
  const shop = useShops().find((one) => one.location_id === call.location_id);
  const zone = shop?.timezone;
  const bookings = detail.bookings.map(asCard);
  const { data: me } = useMe();
  const audio = useRef<HTMLAudioElement>(null);
  const playFrom = (turn: number) => {
    const at = detail.turns.find((one) => one.index === turn)?.at_s;
    if (!audio.current || at === undefined) return;
    audio.current.currentTime = at;
    void audio.current.play();
  };
  const length = call.ended_at ? duration(Date.parse(call.ended_at) - Date.parse(call.started_at)) : "under way";
  return (
    <div className="page">
      <Head
        title={phone(call.caller)}
        sub={
          <>
            {shop && <Link href={`/shops/${shop.location_id}`}>{shop.business_name}</Link>} ·{" "}
            {dayAndClock(call.started_at, zone)} · {length}
            {call.end_reason && ` · ${words(call.end_reason)}`}
          </>
        }
      >
        <OutcomeChip outcome={call.outcome} />
      </Head>
      {call.summary && <p className="lead">{call.summary}</p>}
      <FlagChips flags={call.flags ?? []} />
      {call.audio_url && (
        // biome-ignore lint/a11y/useMediaCaption: the transcript stands right below
        <audio ref={audio} controls preload="metadata" src={call.audio_url} className="audio" aria-label="Recording" />
      )}
      {call.tape_url && may(me, "owner", call.location_id) && (
        <p>
          <a href={call.tape_url} download className="button button-small">
            Download the tape
          </a>{" "}
          <span className="quiet">for replaying this call in a test</span>
        </p>
      )}
      <div className="columns">
        <Card title="Transcript">
          <Transcript lines={linesOf(detail)} tools={tools} bookings={bookings} mismatches={mismatches} zone={zone} />
        </Card>
        <div className="stack">
          {mismatches.length > 0 && (
            <Card title="Said and done differ" count={mismatches.length}>
              {mismatches.map((mismatch) => (
                <Differs key={`${mismatch.turn}-${mismatch.kind}`} mismatch={mismatch} />
              ))}
            </Card>
          )}
          {bookings.length > 0 && (
            <Card title="Appointments" count={bookings.length}>
              {bookings.map((booking) => (
                <Booked key={booking.booking_id} booking={booking} zone={zone} />
              ))}
            </Card>
          )}
          {messages.length > 0 && (
            <Card title="Messages" count={messages.length}>
              {messages.map((message) => (
                <blockquote key={message.at} className="message">
                  <p>{message.text}</p>
                  <footer className="quiet">
                    {message.caller_name || "Nameless"} · {phone(message.callback_number)}
                  </footer>
                </blockquote>
              ))}
            </Card>
          )}
          <Card title="Time to answer, by turn">
            <Waterfall timings={timingsOf(detail.turns)} tools={tools} onPlay={call.audio_url ? playFrom : undefined} />
          </Card>
        </div>
      </div>
    </div>
  );
}

export function asCard(booking: AnyBooking): ShownBooking {
  return "visit" in booking ? bookingCard(booking) : booking;
}

function linesOf({ call, turns }: CallDetail): Line[] {
  const greeting: Line[] = call.greeting ? [agentLine(0, call.greeting, call.greeting, false, call.started_at)] : [];
  return greeting.concat(
    turns.flatMap((turn) => [
      {
        turn: turn.index,
        speaker: "caller",
        text: turn.heard,
        heard_text: null,
        final: true,
        interrupted: false,
        at: turn.at,
      },
      ...(turn.said ? [agentLine(turn.index, turn.said, turn.spoken, turn.interrupted, turn.at)] : []),
    ]),
  );
}

function agentLine(turn: number, text: string, heard: string, interrupted: boolean, at: string): Line {
  return { turn, speaker: "agent", text, heard_text: heard, final: true, interrupted, at };
}
