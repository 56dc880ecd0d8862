// What the page asks over HTTP. Errors are `{"error": {"code", "message"}}`; the cookie travels by itself.

import type { AnyBooking, ShopListing, Timing, ToolCard, VendorState } from "./wire";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Which field is wrong, where the server says so: "services.0.minutes". */
    readonly fields: { field: string; message: string }[] = [],
  ) {
    super(message);
  }
}

export type Role = "viewer" | "operator" | "owner";

export interface Me {
  name: string;
  role_by_location: Record<string, Role> | "all";
  roles: Role[];
}

export interface CallSummary {
  call_sid: string;
  location_id: number;
  caller: string;
  started_at: string;
  ended_at: string | null;
  end_reason: string | null;
  outcome: string | null;
  summary: string | null;
  flags: string[];
  turns: number;
}

export interface StoredTurn {
  index: number;
  heard: string;
  said: string;
  spoken: string;
  interrupted: boolean;
  at: string;
  timings?: { stage: string; ms: number }[];
  /** When it began, in the recording of the call; absent where there is none. */
  at_s?: number;
}

export interface Message {
  call_sid: string;
  caller_name: string;
  callback_number: string;
  text: string;
  at: string;
}

export interface Mismatch {
  turn: number;
  kind: string;
  said: string;
  did: string;
}

export interface CallDetail {
  call: CallSummary & { greeting?: string; audio_url?: string | null; tape_url?: string | null };
  turns: StoredTurn[];
  tools: ToolCard[];
  bookings: AnyBooking[];
  messages: Message[];
  mismatches: Mismatch[];
}

export interface CallFilter {
  location_id?: string;
  outcome?: string;
  from?: string;
  to?: string;
  q?: string;
}

export interface NeedsAction {
  kind: string;
  text: string;
  at: string;
  call_sid?: string | null;
  caller_name?: string;
  callback_number?: string;
}

export interface Unanswered {
  question: string;
  at?: string;
  call_sid?: string | null;
  times?: number;
}

export interface Home {
  today: AnyBooking[];
  needs_action: NeedsAction[];
  unanswered: Unanswered[];
  proposals: number;
}

export interface Source {
  url: string;
  quote: string;
  confidence: number;
}

export interface Change {
  id: string;
  subject: string;
  key: string;
  kind: "added" | "changed" | "removed";
  before: unknown;
  after: unknown;
  source: Source | null;
  decision: { verdict: "approved" | "rejected"; by: string; at: string } | null;
}

export interface Proposal {
  id: string;
  location_id: number;
  based_on: number;
  state: string;
  changes: Change[];
  created_at: string | null;
}

export interface SetupRequest {
  location_id: number;
  phone_number: string;
  website_url: string;
  business_name: string;
  timezone?: string;
  currency?: string;
  owner?: { transfer_to?: string; greeting?: string };
}

export interface Job {
  id: string;
  request: SetupRequest;
  state: "queued" | "fetching" | "reading" | "storing" | "done" | "failed";
  pages_read: number;
  pages_wanted: number;
  error: { code: string; message: string } | null;
  outcome: "stored" | "unchanged" | "proposed" | null;
  missing: { url: string; message: string }[];
  questions: { code: string; text: string; about: string[] }[];
}

export interface Interval {
  opens: string;
  closes: string;
}

export interface Service {
  name: string;
  price: string | null;
  price_from: boolean;
  price_text: string;
  minutes: number | null;
  staff: string[];
  category: string;
  description: string;
  [other: string]: unknown;
}

export interface Professional {
  name: string;
  role: string;
  specialties: string[];
  [other: string]: unknown;
}

/** Of a shop, what the page lets an owner edit; the rest travels along unseen. */
export interface Knowledge {
  location_id: number;
  business_name: string;
  phone_number: string;
  timezone: string;
  currency: string;
  address: string;
  website_url: string;
  transfer_to: string | null;
  greeting: string;
  records_calls: boolean;
  hours: { week: Record<string, Interval[]>; closures: string[] };
  services: Service[];
  professionals: Professional[];
  faq: { question: string; answer: string }[];
  policies: { name: string; text: string }[];
  booking: {
    by_phone: boolean;
    notice_minutes: number;
    horizon_days: number;
    slot_minutes: number;
    cancel_notice_hours: number | null;
    late_text: string;
    texts: boolean;
    [other: string]: unknown;
  };
  version: number;
  [other: string]: unknown;
}

async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer: Response): Promise<ApiError> {
  const fallback = new ApiError(answer.status, "unreadable", `The server answered ${answer.status}.`);
  try {
    const { error } = (await answer.json()) as { error?: { code: string; message: string; fields?: [] } };
    return error ? new ApiError(answer.status, error.code, error.message, fieldsOf(error)) : fallback;
  } catch {
    return fallback;
  }
}

/** The server names fields in a list of their own, or at the head of its message: "services.0.minutes: …". */
function fieldsOf(error: { message: string; fields?: { field: string; message: string }[] }) {
  if (error.fields?.length) return error.fields;
  const named = /^([a-z_]+(?:\.\w+)*): ([\s\S]+)$/.exec(error.message);
  return named ? [{ field: named[1] as string, message: (named[2] as string).replace(/^Value error, /, "") }] : [];
}

async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

async function sendJson<T>(method: string, path: string, body: unknown, headers: HeadersInit = {}): Promise<T> {
  const answer = await ask(path, {
    method,
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

function query(values: Record<string, string | undefined>): string {
  return new URLSearchParams(Object.entries(values).filter((pair): pair is [string, string] => !!pair[1])).toString();
}

const sid = encodeURIComponent;

export const api = {
  login: (token: string) => sendJson<void>("POST", "/login", { token }),
  logout: () => sendJson<void>("POST", "/logout", {}),
  me: () => get<Me>("/me"),
  shops: async () => (await get<{ shops: ShopListing[] }>("/shops")).shops,
  calls: (filter: CallFilter, before: string | undefined) =>
    get<{ calls: CallSummary[]; next: string | null }>(`/calls?${query({ ...filter, before, limit: "25" })}`),
  call: (callSid: string) => get<CallDetail>(`/calls/${sid(callSid)}`),
  home: (locationId: number) => get<Home>(`/shops/${locationId}/home`),
  knowledge: (locationId: number) => get<Knowledge>(`/shops/${locationId}/knowledge`),
  editKnowledge: (locationId: number, version: number, changed: Partial<Knowledge>) =>
    sendJson<Knowledge>("PATCH", `/shops/${locationId}/knowledge`, changed, { "If-Match": `"${version}"` }),
  proposal: async (locationId: number) =>
    (await get<{ proposal: Proposal | null }>(`/shop/${locationId}/proposals`)).proposal,
  decide: (locationId: number, proposalId: string, verdicts: { approve?: string[]; reject?: string[] }) =>
    sendJson<{ version: number; proposal: Proposal }>(
      "POST",
      `/shop/${locationId}/proposals/${sid(proposalId)}`,
      verdicts,
    ),
  setUp: async (request: SetupRequest) => (await sendJson<{ job: Job }>("POST", "/shop/setup", request)).job,
  job: async (jobId: string) => (await get<{ job: Job }>(`/shop/setup/${sid(jobId)}`)).job,
  vendors: () => get<Record<string, VendorState>>("/health/vendors"),
  metrics: async () => (await ask("/metrics")).text(),
};

/** The turns of a stored call, with their times, as the live view has them. */
export function timingsOf(turns: StoredTurn[]): Timing[] {
  return turns.flatMap((turn) => (turn.timings ?? []).map((timing) => ({ turn: turn.index, ...timing })));
}
