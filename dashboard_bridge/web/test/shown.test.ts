import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Knowledge } from "../src/api";
import { clock, day, duration, isoDay, millis, minuteOfDay, phone, splitHeard, words } from "../src/format";
import { readMetrics } from "../src/prometheus";
import { answers, turnTimings } from "../src/timing";
import { changedSections, fromForm, tabOf, toForm } from "../src/views/knowledge/shape";

describe("times", () => {
  const moment = "2026-11-23T07:05:00Z";

  it("are those of the shop", () => {
    expect(clock(moment, "Pacific/Honolulu")).toBe("21:05");
    expect(day(moment, "Pacific/Honolulu")).toBe("Sun 22 Nov");
    expect(isoDay(new Date(moment), "Pacific/Honolulu")).toBe("2026-11-22");
    expect(minuteOfDay("2026-11-23T10:00:00Z", "Pacific/Honolulu")).toBe(0);
  });

  it("are short", () => {
    expect([0, 7_000, 247_000, 3_753_000, -400].map(duration)).toEqual(["0:00", "0:07", "4:07", "1:02:33", "0:00"]);
    expect([820.4, 1236].map(millis)).toEqual(["820 ms", "1.24 s"]);
  });
});

describe("words", () => {
  it("show numbers in groups and everything else as it came", () => {
    expect(phone("+18084826296")).toBe("+1 808 482 6296");
    expect(phone("+4915112345678")).toBe("+49 151 1234 5678");
    expect(phone("anonymous")).toBe("Number withheld");
    expect(phone("<b>x</b>")).toBe("<b>x</b>");
    expect(words("caller_hung_up")).toBe("Caller hung up");
  });

  it("tell what of them was heard", () => {
    const said = "Eleven is free. Shall I book it?";
    expect(splitHeard(said, "Eleven is free.")).toEqual({ heard: "Eleven is free.", unheard: " Shall I book it?" });
    expect(splitHeard(said, "Eleven  is fr")).toEqual({ heard: "Eleven is fr", unheard: "ee. Shall I book it?" });
    expect(splitHeard(said, said)).toEqual({ heard: said, unheard: "" });
    expect(splitHeard(said, "")).toEqual({ heard: "", unheard: said });
    expect(splitHeard(said, null)).toEqual({ heard: said, unheard: "" });
    expect(splitHeard(said, "Something else")).toEqual({ heard: "Something else", unheard: "" });
  });

  it("are never lost between heard and unheard", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^\w{1,6}$/), { minLength: 1 }), fc.nat(), (all, at) => {
        const said = all.join(" ");
        const heard = all.slice(0, at % (all.length + 1)).join("  ");
        const split = splitHeard(said, heard);
        expect(split.heard + split.unheard).toBe(said);
        expect(split.heard.split(" ").filter(Boolean)).toEqual(heard.split("  ").filter(Boolean));
      }),
    );
  });
});

describe("the times of a turn", () => {
  const timing = (stage: string, ms: number) => ({ turn: 1, stage, ms });
  const tool = { turn: 1, tool: "find", tool_call_id: "t", arguments: {}, outcome: "ok" as const, took_ms: 40 };

  it("add up to what the caller waited", () => {
    const told = [
      timing("stt", 100),
      timing("llm", 300),
      timing("llm", 200),
      timing("tts", 150),
      timing("tts", 90),
      timing("voice_to_voice", 900),
    ];
    const [turn] = turnTimings(told, [tool]);
    expect(turn?.stages).toEqual({ stt: 100, llm: 500, tool: 40, tts: 150, rest: 110 });
    expect(turn?.total).toBe(900);
    expect(answers(told)).toEqual([900]);
  });

  it("leave the greeting out, and do not invent an answer", () => {
    const told = [{ turn: 0, stage: "greeting", ms: 5 }, timing("stt", 100)];
    expect(turnTimings(told, []).map((turn) => [turn.turn, turn.voiceToVoice, turn.stages.rest])).toEqual([
      [1, null, 0],
    ]);
  });
});

describe("counters", () => {
  it("are read from the server's text, without buckets", () => {
    const text =
      '# HELP calls_total Calls\n# TYPE calls_total counter\ncalls_total{code="x"} 1284.0\nms_bucket{le="1"} 3\nms_sum 2.5\n';
    expect(readMetrics(text)).toEqual([
      { name: "calls_total", labels: "code=x", value: "1,284", help: "Calls" },
      { name: "ms_sum", labels: "", value: "2.5", help: "" },
    ]);
  });
});

describe("knowledge in a form", () => {
  const service = {
    name: "Cut",
    price: "45.00",
    price_from: false,
    price_text: "",
    minutes: 30,
    staff: ["Noa"],
    category: "",
    description: "",
    buffer_minutes: 5,
  };
  const known = {
    ...{
      location_id: 1,
      business_name: "Shop",
      phone_number: "+18084826296",
      timezone: "Pacific/Honolulu",
      currency: "USD",
    },
    ...{
      address: "",
      website_url: "",
      transfer_to: null,
      greeting: "",
      records_calls: false,
      voice_id: "x",
      faq: [],
      policies: [],
      version: 3,
    },
    hours: { week: { tue: [{ opens: "09:00:00", closes: "17:00:00" }] }, closures: ["2026-12-25"] },
    services: [service],
    professionals: [{ name: "Noa", role: "", specialties: [], off: ["mon"] }],
    booking: {
      by_phone: true,
      notice_minutes: 0,
      horizon_days: 90,
      slot_minutes: 15,
      hold_s: 180,
      cancel_notice_hours: null,
      late_text: "",
      texts: true,
    },
  } as Knowledge;

  it("sends nothing when nothing was typed", () => {
    expect(changedSections(known, fromForm(toForm(known), known))).toEqual({});
  });

  it("sends the changed part whole, with what no form shows", () => {
    const typed = toForm(known);
    const changed = {
      ...typed,
      services: typed.services.map((one) => ({ ...one, minutes: "45", staff: "Noa, Keoni" })),
    };
    expect(changedSections(known, fromForm(changed, known))).toEqual({
      services: [{ ...service, minutes: 45, staff: ["Noa", "Keoni"] }],
    });
  });

  it("drops a service that was removed, not its neighbour's hidden parts", () => {
    const two = { ...known, services: [service, { ...service, name: "Colour", buffer_minutes: 20 }] };
    const typed = { ...toForm(two), services: toForm(two).services.slice(1) };
    expect(changedSections(two, fromForm(typed, two)).services).toEqual([
      { ...service, name: "Colour", buffer_minutes: 20 },
    ]);
  });

  it("finds the part a complaint is about", () => {
    expect(["services.0.minutes", "professionals.1.name", "phone_number", "booking.hold_s"].map(tabOf)).toEqual([
      "services",
      "staff",
      "basics",
      "booking",
    ]);
  });
});
