// Between what is stored and what is typed: forms hold text, knowledge holds numbers, lists and nothing.

import type { Interval, Knowledge } from "../../api";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

export const TABS = [
  ["basics", "Basics"],
  ["hours", "Hours"],
  ["services", "Services"],
  ["staff", "Staff"],
  ["faq", "Questions"],
  ["booking", "Booking"],
] as const;
export type Tab = (typeof TABS)[number][0];

const TAB_OF: Record<string, Tab> = {
  hours: "hours",
  services: "services",
  professionals: "staff",
  faq: "faq",
  policies: "faq",
  booking: "booking",
};

/** The tab on which a field of the server's complaint stands. */
export function tabOf(field: string): Tab {
  return TAB_OF[field.split(".")[0] ?? ""] ?? "basics";
}

export interface KnowledgeForm {
  business_name: string;
  phone_number: string;
  transfer_to: string;
  address: string;
  website_url: string;
  greeting: string;
  records_calls: boolean;
  hours: { week: Record<string, Interval[]>; closures: string };
  services: {
    /** Where it stood in what is stored, for the parts that are not typed here; -1 for a new one. */
    at: number;
    name: string;
    category: string;
    price: string;
    price_from: boolean;
    price_text: string;
    minutes: string;
    staff: string;
    description: string;
  }[];
  professionals: { at: number; name: string; role: string; specialties: string }[];
  faq: { question: string; answer: string }[];
  policies: { name: string; text: string }[];
  booking: {
    by_phone: boolean;
    notice_minutes: string;
    horizon_days: string;
    slot_minutes: string;
    cancel_notice_hours: string;
    late_text: string;
    texts: boolean;
  };
}

export function toForm(known: Knowledge): KnowledgeForm {
  const { business_name, phone_number, address, website_url, greeting, records_calls, faq, policies, booking } = known;
  const week = Object.fromEntries(
    DAYS.map((day) => [
      day,
      (known.hours.week[day] ?? []).map(({ opens, closes }) => ({
        opens: opens.slice(0, 5),
        closes: closes.slice(0, 5),
      })),
    ]),
  );
  return {
    ...{ business_name, phone_number, address, website_url, greeting, records_calls, faq, policies },
    transfer_to: known.transfer_to ?? "",
    hours: { week, closures: known.hours.closures.join(", ") },
    services: known.services.map((service, at) => ({
      at,
      name: service.name,
      category: service.category,
      price: service.price ?? "",
      price_from: service.price_from,
      price_text: service.price_text,
      minutes: text(service.minutes),
      staff: service.staff.join(", "),
      description: service.description,
    })),
    professionals: known.professionals.map((person, at) => ({
      at,
      name: person.name,
      role: person.role,
      specialties: person.specialties.join(", "),
    })),
    booking: {
      by_phone: booking.by_phone,
      notice_minutes: text(booking.notice_minutes),
      horizon_days: text(booking.horizon_days),
      slot_minutes: text(booking.slot_minutes),
      cancel_notice_hours: text(booking.cancel_notice_hours),
      late_text: booking.late_text,
      texts: booking.texts,
    },
  };
}

/** What was typed, as knowledge; what no form shows comes from `known`. */
export function fromForm(typed: KnowledgeForm, known: Knowledge): Knowledge {
  const week = Object.entries(typed.hours.week).filter(([, open]) => open.length > 0);
  const { booking } = typed;
  return {
    ...known,
    business_name: typed.business_name,
    phone_number: typed.phone_number,
    address: typed.address,
    website_url: typed.website_url,
    greeting: typed.greeting,
    records_calls: typed.records_calls,
    transfer_to: typed.transfer_to || null,
    hours: { week: Object.fromEntries(week), closures: listed(typed.hours.closures) },
    services: typed.services.map(({ at, minutes, staff, price, ...rest }) => ({
      ...(known.services[at] ?? {}),
      ...rest,
      price: price || null,
      minutes: number(minutes),
      staff: listed(staff),
    })),
    professionals: typed.professionals.map(({ at, specialties, ...rest }) => ({
      ...(known.professionals[at] ?? {}),
      ...rest,
      specialties: listed(specialties),
    })),
    faq: typed.faq,
    policies: typed.policies,
    booking: {
      ...known.booking,
      by_phone: booking.by_phone,
      notice_minutes: number(booking.notice_minutes) ?? 0,
      horizon_days: number(booking.horizon_days) ?? known.booking.horizon_days,
      slot_minutes: number(booking.slot_minutes) ?? known.booking.slot_minutes,
      cancel_notice_hours: number(booking.cancel_notice_hours),
      late_text: booking.late_text,
      texts: booking.texts,
    },
  };
}

/** The top-level fields that differ; the server is told nothing else. */
export function changedSections(known: Knowledge, typed: Knowledge): Partial<Knowledge> {
  const plain = fromForm(toForm(known), known); // times as the form writes them, so that only edits differ
  const names = Object.keys(typed).filter((name) => JSON.stringify(typed[name]) !== JSON.stringify(plain[name]));
  return Object.fromEntries(names.map((name) => [name, typed[name]]));
}

function text(value: number | null): string {
  return value === null ? "" : String(value);
}

function number(typed: string): number | null {
  return typed.trim() === "" ? null : Number(typed);
}

function listed(typed: string): string[] {
  return typed
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
}
