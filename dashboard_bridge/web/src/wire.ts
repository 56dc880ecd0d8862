// What `/ops` says and hears (docs/operators-socket.md). Moments are ISO 8601 in UTC.

export type CallPhase =
  | "ringing"
  | "greeting"
  | "listening"
  | "thinking"
  | "speaking"
  | "taken_over"
  | "transferring"
  | "ended";

export interface Line {
  turn: number;
  speaker: "caller" | "agent" | "operator";
  text: string;
  heard_text: string | null;
  final: boolean;
  interrupted: boolean;
  at: string;
}

export interface ToolCard {
  turn: number;
  tool: string;
  tool_call_id: string;
  arguments: Record<string, unknown>;
  outcome: null | "ok" | "refused" | "failed";
  took_ms: number | null;
}

export interface BookingCard {
  booking_id: string;
  state: "held" | "booked" | "cancelled";
  what: string;
  customer_name: string;
  starts: string;
  ends: string;
  staff?: string;
  turn?: number;
}

export interface Timing {
  turn: number;
  stage: string;
  ms: number;
}

export interface CallState {
  location_id: number;
  call_sid: string;
  business_name: string;
  caller: string;
  started_at: string;
  state: CallPhase;
  operator: string | null;
  lines: Line[];
  tools: ToolCard[];
  bookings: BookingCard[];
  timings: Timing[];
  flags: string[];
  n: number;
}

export interface ShopListing {
  location_id: number;
  business_name: string;
  phone_number: string;
  timezone: string;
}

interface VisitPart {
  service: string;
  staff: string;
  starts: string;
  ends: string;
}

export interface Booking {
  booking_id: string;
  location_id: number;
  state: BookingCard["state"];
  visit: { parts: VisitPart[] };
  customer_name: string;
  customer_phone: string;
  notes: string;
  call_sid: string;
}

interface Head {
  call_sid: string;
  location_id: number;
  seq: number;
  at: string;
}

export type CallEvent = Head &
  (
    | { type: "call.answered"; caller: string; called: string; business_name: string; greeting: string }
    | { type: "turn.started"; turn: number; interrupting: boolean }
    | { type: "turn.heard"; turn: number; text: string; final: boolean }
    | {
        type: "turn.spoken";
        turn: number;
        text: string;
        heard_text: string;
        interrupted: boolean;
        voice_to_voice_ms: number | null;
      }
    | {
        type: "tool.used";
        turn: number;
        tool: string;
        tool_call_id: string;
        arguments: Record<string, unknown>;
        outcome: "ok" | "refused" | "failed";
        took_ms: number;
      }
    | { type: "booking.held" | "booking.made" | "booking.moved" | "booking.cancelled"; booking: Booking }
    | { type: "question.unanswered"; turn: number; question: string }
    | { type: "call.transferred"; to: string; reason: string }
    | { type: "claim.mismatched"; turn: number; kind: string; said: string; did: string }
    | { type: "stage.timed"; turn: number; stage: string; ms: number }
    | { type: "vendor.degraded"; vendor: string; code: string; message: string }
    | { type: "operator.acted"; operator: string; act: string; detail: string }
    | { type: "call.ended"; reason: string; duration_ms: number; turns: number }
    // Those that change nothing of what is shown, and those yet to come.
    | { type: "message.taken" | "call.summarised" | "digit.pressed" }
  );

export interface Delta {
  location_id: number;
  call_sid: string;
  n: number;
  from_n?: number | null;
  event: CallEvent;
}

export interface SnapshotData {
  at: string;
  calls: CallState[];
  shops: ShopListing[];
}

export type VendorState = "ok" | "degraded" | "down";

export type OpsMessage =
  | { type: "hello"; data: { version: number } }
  | { type: "snapshot"; data: SnapshotData }
  | { type: "event"; data: Delta }
  | { type: "vendors"; data: Record<string, VendorState> }
  | { type: "bookings"; data: { location_id: number; bookings: BookingCard[] } }
  | { type: "audio"; data: { call_sid: string; on: boolean } }
  | { type: "acted"; data: { id: string; ok: true } }
  | { type: "error"; data: { code: string; message: string; id?: string | null } };

export type Act = "listen" | "unlisten" | "whisper" | "say" | "take_over" | "hand_back" | "transfer" | "hang_up";

export type OpsCommand =
  | { type: "subscribe"; locations: number[] | null; feed: "full" }
  | { type: "resync"; call_sid?: string }
  | { type: "act"; id: string; act: Act; call_sid: string; text?: string; to?: string };
