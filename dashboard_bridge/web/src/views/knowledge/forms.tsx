import { Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { type FieldPath, get, useFieldArray, useFormContext } from "react-hook-form";
import { Field } from "../../components/Field";
import { DAYS, type KnowledgeForm } from "./shape";

type Path = FieldPath<KnowledgeForm>;

/** Registers a field and finds what the server said against it. */
function useField(): (
  name: Path,
) => { error: string | undefined } & ReturnType<ReturnType<typeof useFormContext<KnowledgeForm>>["register"]> {
  const { register, formState } = useFormContext<KnowledgeForm>();
  return (name) => ({
    error: (get(formState.errors, name) as { message?: string } | undefined)?.message,
    ...register(name),
  });
}

export function BasicsForm() {
  const field = useField();
  return (
    <>
      <Field label="Name" {...field("business_name")} />
      <div className="two">
        <Field label="Number that customers dial" type="tel" {...field("phone_number")} />
        <Field
          label="Transfer callers to"
          type="tel"
          hint="A person's phone; empty means nobody"
          {...field("transfer_to")}
        />
      </div>
      <Field label="Address" {...field("address")} />
      <Field label="Website" type="url" {...field("website_url")} />
      <Field
        label="Greeting"
        rows={3}
        hint="Empty means ours. Either way the caller is told that an assistant answers."
        {...field("greeting")}
      />
      <Tick label="Record calls; the greeting says so" {...field("records_calls")} />
    </>
  );
}

const DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export function HoursForm() {
  const field = useField();
  return (
    <>
      {DAYS.map((day, at) => (
        <DayHours key={day} day={day} name={DAY_NAMES[at] ?? day} />
      ))}
      <Field
        label="Closed on single days"
        placeholder="2026-12-25, 2027-01-01"
        hint="Dates as year-month-day, with commas between"
        {...field("hours.closures")}
      />
    </>
  );
}

function DayHours({ day, name }: { day: (typeof DAYS)[number]; name: string }) {
  const field = useField();
  const { fields, append, remove } = useFieldArray<KnowledgeForm, `hours.week.${string}`>({
    name: `hours.week.${day}`,
  });
  const problem = field(`hours.week.${day}`).error;
  return (
    <fieldset className="day">
      <legend>{name}</legend>
      {fields.length === 0 && <span className="quiet">Closed</span>}
      {fields.map((interval, at) => (
        <span className="interval" key={interval.id}>
          <input type="time" aria-label={`${name} opens`} {...field(`hours.week.${day}.${at}.opens` as Path)} />–
          <input type="time" aria-label={`${name} closes`} {...field(`hours.week.${day}.${at}.closes` as Path)} />
          <Remove label={`Remove these hours of ${name}`} onPress={() => remove(at)} />
        </span>
      ))}
      <button
        type="button"
        className="button button-small"
        aria-label={`Add hours to ${name}`}
        onClick={() => append({ opens: "09:00", closes: "17:00" })}
      >
        <Plus size={14} aria-hidden="true" /> Hours
      </button>
      {problem && <p className="problem">{problem}</p>}
    </fieldset>
  );
}

const NEW_SERVICE = {
  at: -1,
  name: "",
  category: "",
  price: "",
  price_from: false,
  price_text: "",
  minutes: "",
  staff: "",
  description: "",
};

export function ServicesForm() {
  const field = useField();
  const { watch } = useFormContext<KnowledgeForm>();
  const { fields, append, remove } = useFieldArray<KnowledgeForm, "services">({ name: "services" });
  return (
    <Things what="service" add={() => append(NEW_SERVICE)}>
      {fields.map((service, at) => (
        <Thing
          key={service.id}
          name={watch(`services.${at}.name`)}
          more={[
            watch(`services.${at}.price`),
            watch(`services.${at}.minutes`) && `${watch(`services.${at}.minutes`)} min`,
          ]}
          isNew={service.at < 0}
          remove={() => remove(at)}
        >
          <div className="two">
            <Field label="Name" {...field(`services.${at}.name`)} />
            <Field label="Category" {...field(`services.${at}.category`)} />
          </div>
          <div className="three">
            <Field label="Price" inputMode="decimal" hint="Empty means: ask" {...field(`services.${at}.price`)} />
            <Field label="Minutes" inputMode="numeric" {...field(`services.${at}.minutes`)} />
            <Field label="Price in words" {...field(`services.${at}.price_text`)} />
          </div>
          <Tick label="This is the lowest price (“from”)" {...field(`services.${at}.price_from`)} />
          <Field label="Who does it" hint="Names with commas; empty means anyone" {...field(`services.${at}.staff`)} />
          <Field label="Description" rows={2} {...field(`services.${at}.description`)} />
        </Thing>
      ))}
    </Things>
  );
}

export function StaffForm() {
  const field = useField();
  const { watch } = useFormContext<KnowledgeForm>();
  const { fields, append, remove } = useFieldArray<KnowledgeForm, "professionals">({ name: "professionals" });
  return (
    <Things what="person" add={() => append({ at: -1, name: "", role: "", specialties: "" })}>
      {fields.map((person, at) => (
        <Thing
          key={person.id}
          name={watch(`professionals.${at}.name`)}
          more={[watch(`professionals.${at}.role`)]}
          isNew={person.at < 0}
          remove={() => remove(at)}
        >
          <div className="two">
            <Field label="Name" {...field(`professionals.${at}.name`)} />
            <Field label="Role" {...field(`professionals.${at}.role`)} />
          </div>
          <Field label="Specialties" hint="With commas between" {...field(`professionals.${at}.specialties`)} />
        </Thing>
      ))}
    </Things>
  );
}

export function FaqForm() {
  const field = useField();
  const faq = useFieldArray<KnowledgeForm, "faq">({ name: "faq" });
  const policies = useFieldArray<KnowledgeForm, "policies">({ name: "policies" });
  return (
    <>
      <h2>Questions</h2>
      <Things what="question" add={() => faq.append({ question: "", answer: "" })}>
        {faq.fields.map((item, at) => (
          <li key={item.id} className="pair">
            <Field label="Question" {...field(`faq.${at}.question`)} />
            <Field label="Answer" rows={2} {...field(`faq.${at}.answer`)} />
            <Remove label={`Remove question ${at + 1}`} onPress={() => faq.remove(at)} />
          </li>
        ))}
      </Things>
      <h2>Policies</h2>
      <Things what="policy" add={() => policies.append({ name: "", text: "" })}>
        {policies.fields.map((item, at) => (
          <li key={item.id} className="pair">
            <Field label="Name" {...field(`policies.${at}.name`)} />
            <Field label="In the shop's words" rows={2} {...field(`policies.${at}.text`)} />
            <Remove label={`Remove policy ${at + 1}`} onPress={() => policies.remove(at)} />
          </li>
        ))}
      </Things>
    </>
  );
}

export function BookingForm() {
  const field = useField();
  return (
    <>
      <Tick label="The receptionist books appointments" {...field("booking.by_phone")} />
      <Tick label="Confirmations go out by text message" {...field("booking.texts")} />
      <div className="two">
        <Field
          label="Notice, in minutes"
          inputMode="numeric"
          hint="How long before its start"
          {...field("booking.notice_minutes")}
        />
        <Field label="How far ahead, in days" inputMode="numeric" {...field("booking.horizon_days")} />
      </div>
      <div className="two">
        <Field label="Appointments begin every … minutes" inputMode="numeric" {...field("booking.slot_minutes")} />
        <Field
          label="Late cancelling, in hours before"
          inputMode="numeric"
          hint="Empty means never late"
          {...field("booking.cancel_notice_hours")}
        />
      </div>
      <Field label="What callers are told about late cancelling" rows={2} {...field("booking.late_text")} />
    </>
  );
}

function Things({ what, add, children }: { what: string; add: () => void; children: ReactNode }) {
  return (
    <>
      <ul className="things">{children}</ul>
      <button type="button" className="button" onClick={add}>
        <Plus size={16} aria-hidden="true" /> Add a {what}
      </button>
    </>
  );
}

interface ThingProps {
  name: string;
  more: (string | undefined)[];
  isNew: boolean;
  remove: () => void;
  children: ReactNode;
}

function Thing({ name, more, isNew, remove, children }: ThingProps) {
  return (
    <li>
      <details className="thing" open={isNew}>
        <summary>
          <strong>{name || "New"}</strong> <span className="quiet">{more.filter(Boolean).join(" · ")}</span>
        </summary>
        <div className="form">
          {children}
          <button type="button" className="button button-small" onClick={remove}>
            <Trash2 size={14} aria-hidden="true" /> Remove {name || "this"}
          </button>
        </div>
      </details>
    </li>
  );
}

function Remove({ label, onPress }: { label: string; onPress: () => void }) {
  return (
    <button type="button" className="icon-button" onClick={onPress} aria-label={label} title={label}>
      <Trash2 size={16} aria-hidden="true" />
    </button>
  );
}

function Tick({ label, error, ...rest }: { label: string; error: string | undefined } & Record<string, unknown>) {
  return (
    <label className="tick">
      <input type="checkbox" {...rest} />
      {label}
      {error && <span className="problem">{error}</span>}
    </label>
  );
}
