// Made by scripts/make_wire_types.py from dashboard_bridge/wire.py. Do not edit.

/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "OpsMessage".
 */
export type OpsMessage =
  Hello | Metrics | Transcript | Call | Problem | Snapshot | Event | Vendors | Bookings | Acted | Audio;
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "OpsCommand".
 */
export type OpsCommand = Auth | Subscribe | Resync | ActCommand;

export interface Wire {
  OpsMessage: OpsMessage;
  OpsCommand: OpsCommand;
}
/**
 * The first message of a socket that was let in.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Hello".
 */
export interface Hello {
  type: "hello";
  data: HelloData;
}
export interface HelloData {
  version: number;
}
/**
 * A shop as it stands; each replaces the one before.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Metrics".
 */
export interface Metrics {
  type: "metrics";
  data: MetricsData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MetricsData".
 */
export interface MetricsData {
  location_id: number;
  business_name: string;
  recentCalls: RecentCall[];
  activeBookings: BookingCard[];
  services: Service[];
  professionals: Professional[];
}
/**
 * A line of a shop's list of calls.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RecentCall".
 */
export interface RecentCall {
  call_sid: string;
  caller: string;
  started_at: string;
  ended_at: string | null;
  end_reason: string | null;
  live: boolean;
}
/**
 * An appointment in a few words.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BookingCard".
 */
export interface BookingCard {
  booking_id: string;
  state: "held" | "booked" | "cancelled";
  what: string;
  customer_name: string;
  starts: string;
  ends: string;
}
/**
 * One line of the menu. No `price` means "ask": the receptionist must not invent one.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Service".
 */
export interface Service {
  name: string;
  price: string | null;
  price_from: boolean;
  price_text: string;
  minutes: number | null;
  staff: string[];
  category: string;
  description: string;
  processing: Processing[];
  buffer_minutes: number;
  add_on: boolean;
  patch_test_hours: number | null;
  consultation_first: boolean;
}
/**
 * A stretch inside a service in which it works by itself: the client stays, the stylist is free.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Processing".
 */
export interface Processing {
  after: number;
  minutes: number;
}
/**
 * Somebody who works at the shop. Without times of their own, whenever the shop is open.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Professional".
 */
export interface Professional {
  name: string;
  role: string;
  specialties: string[];
  hours: OpeningHours | null;
  off: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
  breaks: {
    [k: string]: OpenInterval[];
  };
  away: Away[];
}
/**
 * A week in the shop's own time. A day without intervals is closed; several are a split day.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "OpeningHours".
 */
export interface OpeningHours {
  week: {
    [k: string]: OpenInterval[];
  };
  closures: string[];
}
/**
 * A stretch of opening hours in the shop's local time; it ends on the day it starts.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "OpenInterval".
 */
export interface OpenInterval {
  opens: string;
  closes: string;
}
/**
 * Whole days somebody is not there, first and last included.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Away".
 */
export interface Away {
  first: string;
  last: string;
}
/**
 * Words of a call, as they fall.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Transcript".
 */
export interface Transcript {
  type: "transcript";
  data: TranscriptData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TranscriptData".
 */
export interface TranscriptData {
  location_id: number;
  call_sid: string;
  text: string;
  speaker: "caller" | "agent";
  final: boolean;
  turn: number;
  interrupted: boolean;
  at: string;
}
/**
 * A call began or ended.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Call".
 */
export interface Call {
  type: "call";
  data: CallData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CallData".
 */
export interface CallData {
  location_id: number;
  call_sid: string;
  state: "answered" | "ended";
  caller: string | null;
  reason:
    | (
        | "caller_hung_up"
        | "agent_hung_up"
        | "operator_hung_up"
        | "transferred"
        | "failed"
        | "server_stopped"
        | "process_died"
      )
    | null;
  at: string;
}
/**
 * What was refused, and why. `code` is stable; `message` is for people.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Problem".
 */
export interface Problem {
  type: "error";
  data: ActProblemData | ProblemData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ActProblemData".
 */
export interface ActProblemData {
  code: string;
  message: string;
  id: string;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProblemData".
 */
export interface ProblemData {
  code: string;
  message: string;
}
/**
 * The calls on the line as they are now; deltas go on from there.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Snapshot".
 */
export interface Snapshot {
  type: "snapshot";
  data: SnapshotData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SnapshotData".
 */
export interface SnapshotData {
  at: string;
  call_sid: string | null;
  calls: CallState[];
  shops: ShopListing[];
}
/**
 * A live call, or one that ended less than a minute ago.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CallState".
 */
export interface CallState {
  location_id: number;
  call_sid: string;
  business_name: string;
  caller: string;
  started_at: string;
  state: "ringing" | "greeting" | "listening" | "thinking" | "speaking" | "taken_over" | "transferring" | "ended";
  operator: string | null;
  lines: Line[];
  tools: ToolCard[];
  bookings: BookingCard[];
  timings: Timing[];
  flags: string[];
  n: number;
}
/**
 * Something said. Lines are in the order of turns; within one, the caller's words come first.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Line".
 */
export interface Line {
  turn: number;
  speaker: "caller" | "agent" | "operator";
  text: string;
  heard_text: string | null;
  final: boolean;
  interrupted: boolean;
  at: string;
}
/**
 * A tool the model called.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ToolCard".
 */
export interface ToolCard {
  turn: number;
  tool: string;
  tool_call_id: string;
  arguments: {
    [k: string]: unknown;
  };
  outcome: ("ok" | "refused" | "failed") | null;
  took_ms: number;
}
/**
 * How long one stage of a turn took.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Timing".
 */
export interface Timing {
  turn: number;
  stage: string;
  ms: number;
}
/**
 * A shop as the selector of a dashboard needs it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ShopListing".
 */
export interface ShopListing {
  location_id: number;
  business_name: string;
  phone_number: string;
  timezone: string;
}
/**
 * What happened in a call. Apply it when `from_n` is one more than the last `n`; else ask for a `resync`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Event".
 */
export interface Event {
  type: "event";
  data: EventData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "EventData".
 */
export interface EventData {
  location_id: number;
  call_sid: string;
  n: number;
  from_n: number;
  event:
    | CallAnswered
    | TurnStarted
    | TurnHeard
    | TurnSpoken
    | ToolUsed
    | MessageTaken
    | BookingHeld
    | BookingMade
    | BookingMoved
    | BookingCancelled
    | QuestionUnanswered
    | CallTransferred
    | ClaimMismatched
    | CallSummarised
    | OperatorActed
    | DigitPressed
    | StageTimed
    | VendorDegraded
    | CallEnded;
}
/**
 * The media stream is open and the greeting is on the wire.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CallAnswered".
 */
export interface CallAnswered {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "call.answered";
  caller: string;
  called: string;
  business_name: string;
  greeting: string;
}
/**
 * The caller began to speak; `interrupting` when the agent was speaking.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TurnStarted".
 */
export interface TurnStarted {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "turn.started";
  turn: number;
  interrupting: boolean;
}
/**
 * The caller's words: partial ones while they speak (each restates the turn so far), then the final ones.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TurnHeard".
 */
export interface TurnHeard {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "turn.heard";
  turn: number;
  text: string;
  final: boolean;
}
/**
 * The agent's answer to a turn is over: `text` was generated, `heard_text` reached the caller's ear.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TurnSpoken".
 */
export interface TurnSpoken {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "turn.spoken";
  turn: number;
  text: string;
  heard_text: string;
  interrupted: boolean;
  voice_to_voice_ms: number | null;
}
/**
 * The model called a tool and got its answer.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ToolUsed".
 */
export interface ToolUsed {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "tool.used";
  turn: number;
  tool: string;
  tool_call_id: string;
  arguments: {
    [k: string]: unknown;
  };
  outcome: "ok" | "refused" | "failed";
  took_ms: number;
}
/**
 * A message for the shop was stored.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MessageTaken".
 */
export interface MessageTaken {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "message.taken";
  message: Message;
}
/**
 * What a caller left for the shop's people.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Message".
 */
export interface Message {
  call_sid: string;
  location_id: number;
  tool_call_id: string;
  caller_name: string;
  callback_number: string;
  text: string;
  at: string;
}
/**
 * A slot waits for the caller's yes.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BookingHeld".
 */
export interface BookingHeld {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "booking.held";
  booking: Booking;
}
/**
 * An appointment as the database holds it. A held one is nobody's yet: it waits for the caller's yes.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Booking".
 */
export interface Booking {
  booking_id: string;
  location_id: number;
  state: "held" | "booked" | "cancelled";
  visit: Visit;
  customer_name: string;
  customer_phone: string;
  notes: string;
  call_sid: string;
  moves: string | null;
  expires_at: string | null;
  created_at: string;
  changed_at: string;
  revision: number;
}
/**
 * What an appointment is made of. Several services follow one another; several people may do them.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Visit".
 */
export interface Visit {
  /**
   * @minItems 1
   */
  parts: [VisitPart, ...VisitPart[]];
  /**
   * @minItems 1
   */
  busy: [BusyStretch, ...BusyStretch[]];
}
/**
 * One service of a visit, by one person. `ends` is when the client is done with it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "VisitPart".
 */
export interface VisitPart {
  service: string;
  staff: string;
  starts: string;
  ends: string;
}
/**
 * A time in which somebody can see nobody else: a service without its processing gaps, buffers included.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BusyStretch".
 */
export interface BusyStretch {
  staff: string;
  starts: string;
  ends: string;
}
/**
 * An appointment is in the book.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BookingMade".
 */
export interface BookingMade {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "booking.made";
  booking: Booking;
}
/**
 * An appointment has another time; `before` is the one it had.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BookingMoved".
 */
export interface BookingMoved {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "booking.moved";
  booking: Booking;
  before: Visit;
}
/**
 * An appointment is cancelled.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BookingCancelled".
 */
export interface BookingCancelled {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "booking.cancelled";
  booking: Booking;
}
/**
 * The caller asked what the shop's knowledge could not answer.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "QuestionUnanswered".
 */
export interface QuestionUnanswered {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "question.unanswered";
  turn: number;
  question: string;
}
/**
 * The caller is being put through to a person.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CallTransferred".
 */
export interface CallTransferred {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "call.transferred";
  to: string;
  reason: string;
}
/**
 * What was said in the call and what was done differ: both sides, for a person to look at.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ClaimMismatched".
 */
export interface ClaimMismatched {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "claim.mismatched";
  turn: number;
  kind: "booking" | "price";
  said: string;
  did: string;
}
/**
 * What became of the call, told once, before it ends.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CallSummarised".
 */
export interface CallSummarised {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "call.summarised";
  outcome: "booked" | "moved" | "cancelled" | "question" | "message" | "transferred" | "abandoned";
  summary: string;
}
/**
 * An operator did something to the call. `detail` is the text of a whisper or of words to say, or the number.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "OperatorActed".
 */
export interface OperatorActed {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "operator.acted";
  operator: string;
  act: "listen" | "unlisten" | "whisper" | "say" | "take_over" | "hand_back" | "transfer" | "hang_up";
  detail: string;
}
/**
 * The caller pressed a key (DTMF).
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DigitPressed".
 */
export interface DigitPressed {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "digit.pressed";
  digit: string;
}
/**
 * How long one stage of a turn took.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "StageTimed".
 */
export interface StageTimed {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "stage.timed";
  turn: number;
  stage: "greeting" | "stt" | "llm" | "tts" | "voice_to_voice";
  ms: number;
}
/**
 * A vendor failed in this call; the call went on as well as it could.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "VendorDegraded".
 */
export interface VendorDegraded {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "vendor.degraded";
  vendor: string;
  code: string;
  message: string;
}
/**
 * The call is over; published exactly once a call, and last.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CallEnded".
 */
export interface CallEnded {
  at: string;
  call_sid: string;
  location_id: number;
  seq: number;
  type: "call.ended";
  reason:
    | "caller_hung_up"
    | "agent_hung_up"
    | "operator_hung_up"
    | "transferred"
    | "failed"
    | "server_stopped"
    | "process_died";
  duration_ms: number;
  turns: number;
}
/**
 * How the vendors are doing, whenever that changes.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Vendors".
 */
export interface Vendors {
  type: "vendors";
  data: VendorsData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "VendorsData".
 */
export interface VendorsData {
  deepgram: "ok" | "degraded" | "down";
  openai: "ok" | "degraded" | "down";
  cartesia: "ok" | "degraded" | "down";
  twilio: "ok" | "degraded" | "down";
  store: "ok" | "degraded" | "down";
}
/**
 * A shop's appointments, whenever they change; each replaces the one before.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Bookings".
 */
export interface Bookings {
  type: "bookings";
  data: BookingsData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "BookingsData".
 */
export interface BookingsData {
  location_id: number;
  bookings: BookingCard[];
}
/**
 * An act was carried out.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Acted".
 */
export interface Acted {
  type: "acted";
  data: ActedData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ActedData".
 */
export interface ActedData {
  id: string;
  ok: true;
}
/**
 * From here on binary frames are the sound of this call, or no longer.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Audio".
 */
export interface Audio {
  type: "audio";
  data: AudioData;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AudioData".
 */
export interface AudioData {
  call_sid: string;
  on: boolean;
}
/**
 * The operator token, from a page that has neither header nor cookie. Must be the first message.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Auth".
 */
export interface Auth {
  type: "auth";
  token: string;
}
/**
 * From now on only these shops; `null` means all. Their metrics follow.
 *
 * `full` begins with a `snapshot` and goes on with `event` in place of `transcript` and `call`, and with `vendors` and
 * `bookings`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Subscribe".
 */
export interface Subscribe {
  type: "subscribe";
  locations: [number, ...number[]] | null;
  feed?: "full" | null;
}
/**
 * A snapshot of one call, or of all: numbers are missing, or the page wants to be sure.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Resync".
 */
export interface Resync {
  type: "resync";
  call_sid?: string | null;
}
/**
 * Do something to a live call. `acted` or `error` with the same `id` follows.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ActCommand".
 */
export interface ActCommand {
  type: "act";
  id: string;
  act: "listen" | "unlisten" | "whisper" | "say" | "take_over" | "hand_back" | "transfer" | "hang_up";
  call_sid: string;
  text?: string | null;
  to?: string | null;
}
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HelloData".
 */
export interface HelloData1 {
  version: number;
}
