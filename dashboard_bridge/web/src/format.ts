// How numbers, times and phone numbers are written. Moments come as ISO 8601 in UTC and are shown in a shop's zone.

const LOCALE = "en-GB";

/** Ask once per zone and form: making a formatter costs more than using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string | undefined, form: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([zone, form]);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(LOCALE, { ...form, timeZone: zone });
  formats.set(key, known);
  return known;
}

/** "14:05". */
export function clock(moment: string, zone?: string): string {
  return format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(moment));
}

/** "Mon 23 Nov". */
export function day(moment: string, zone?: string): string {
  return format(zone, { weekday: "short", day: "numeric", month: "short" }).format(new Date(moment)).replace(",", "");
}

/** "Mon 23 Nov, 14:05". */
export function dayAndClock(moment: string, zone?: string): string {
  return `${day(moment, zone)}, ${clock(moment, zone)}`;
}

/** The calendar day of a moment in a zone, "2026-11-23". */
export function isoDay(moment: Date, zone?: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(moment);
}

/** Minutes since midnight in a zone. */
export function minuteOfDay(moment: string, zone?: string): number {
  const [hours = "0", minutes = "0"] = clock(moment, zone).split(":");
  return Number(hours) * 60 + Number(minutes);
}

/** "4:07" or "1:02:33". Below zero counts as zero: clocks of two machines differ a little. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at ? String(part).padStart(2, "0") : String(part))).join(":");
}

/** "820 ms" or "1.24 s". */
export function millis(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** "+1 808 482 6296" in groups; anything that is no number is shown as it came. */
export function phone(number: string): string {
  if (!number) return "Unknown caller";
  if (!/^\+\d{7,15}$/.test(number)) return number === "anonymous" ? "Number withheld" : number;
  const code = number.startsWith("+1") || number.startsWith("+7") ? 2 : 3;
  const rest = number.slice(code);
  const last = rest.slice(-4);
  const middle = rest.slice(0, -4).replace(/(\d{3})(?=\d{2})/g, "$1 ");
  return [number.slice(0, code), middle, last].filter(Boolean).join(" ");
}

/** "Caller hung up" from "caller_hung_up". */
export function words(code: string): string {
  const text = code.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export interface Heard {
  heard: string;
  unheard: string;
}

/** What of the agent's words reached the caller's ear, and what was cut off; spacing counts for nothing. */
export function splitHeard(text: string, heardText: string | null): Heard {
  if (heardText === null) return { heard: text, unheard: "" };
  const said = [...text.matchAll(/\S+/g)];
  const ears = heardText.match(/\S+/g) ?? [];
  let same = 0;
  while (same < ears.length && same < said.length && said[same]?.[0] === ears[same]) same++;
  // A word cut in the middle counts as heard as far as it goes; words that are not the agent's are shown as they are.
  if (same < ears.length && !(same === ears.length - 1 && said[same]?.[0].startsWith(ears[same] as string))) {
    return { heard: heardText, unheard: "" };
  }
  const partial = same < ears.length ? (ears[same] as string).length : 0;
  const last = said[same - 1];
  const end = partial ? (said[same]?.index ?? 0) + partial : last ? last.index + last[0].length : 0;
  return { heard: text.slice(0, end), unheard: text.slice(end).trim() ? text.slice(end) : "" };
}
