import { useMutation, useQuery } from "@tanstack/react-query";
import { Check, CircleAlert } from "lucide-react";
import { useState } from "react";
import { type FieldPath, useForm } from "react-hook-form";
import { Link } from "wouter";
import { ApiError, api, type Job, type SetupRequest } from "../api";
import { Field } from "../components/Field";
import { Card, Failure, Head } from "../components/states";
import { queries, useShops } from "../session";

interface Asked {
  business_name: string;
  website_url: string;
  phone_number: string;
  location_id: number;
  timezone: string;
  currency: string;
  transfer_to: string;
  greeting: string;
}

const EMPTY = {
  business_name: "",
  website_url: "",
  phone_number: "",
  timezone: "",
  currency: "",
  transfer_to: "",
  greeting: "",
};

/** A shop from its website: ask, then watch it being read. */
export default function AddShop() {
  const [jobId, setJobId] = useState<string | null>(null);
  return (
    <div className="page page-narrow">
      <Head title="Add a shop" sub="Its website tells the menu, the staff and the hours; you tell the rest." />
      {jobId ? <Watching jobId={jobId} again={() => setJobId(null)} /> : <Asking begun={(job) => setJobId(job.id)} />}
    </div>
  );
}

function Asking({ begun }: { begun: (job: Job) => void }) {
  const next = Math.max(0, ...useShops().map((shop) => shop.location_id)) + 1;
  const form = useForm<Asked>({ defaultValues: { ...EMPTY, location_id: next } });
  const { errors } = form.formState;
  const start = useMutation({
    mutationFn: (asked: Asked) => api.setUp(requestOf(asked)),
    onSuccess: begun,
    onError: (why) => {
      const fields = why instanceof ApiError ? why.fields : [];
      for (const { field, message } of fields) {
        form.setError(field.replace(/^owner\./, "") as FieldPath<Asked>, { message }, { shouldFocus: true });
      }
    },
  });
  const field = (name: FieldPath<Asked>) => ({ error: errors[name]?.message, ...form.register(name) });
  const untold = start.error && Object.keys(errors).length === 0 ? start.error.message : "";
  return (
    <form className="card form" noValidate onSubmit={form.handleSubmit((asked) => start.mutate(asked))}>
      <Field
        label="Name"
        {...field("business_name")}
        {...form.register("business_name", { required: "A shop has a name." })}
      />
      <Field
        label="Website"
        type="url"
        placeholder="https://"
        {...field("website_url")}
        {...form.register("website_url", { required: "The website is what the shop is read from." })}
      />
      <div className="two">
        <Field
          label="Number that customers dial"
          type="tel"
          placeholder="+18085550123"
          {...field("phone_number")}
          {...form.register("phone_number", { required: "Give it with its country code." })}
        />
        <Field label="Location" type="number" min={1} {...field("location_id")} />
      </div>
      <div className="two">
        <Field
          label="Time zone"
          hint="Only where the number does not tell it"
          placeholder="Pacific/Honolulu"
          {...field("timezone")}
        />
        <Field
          label="Currency"
          hint="Only where the website does not tell it"
          placeholder="USD"
          {...field("currency")}
        />
      </div>
      <Field label="Transfer callers to" type="tel" hint="A person's phone; optional" {...field("transfer_to")} />
      <Field
        label="Greeting"
        hint="Empty means ours; either way it says that an assistant answers"
        rows={2}
        {...field("greeting")}
      />
      {untold && (
        <p className="problem" role="alert">
          {untold}
        </p>
      )}
      <div className="form-acts">
        <Link href="/shops" className="button">
          Cancel
        </Link>
        <button type="submit" className="button button-main" disabled={start.isPending}>
          Read the website
        </button>
      </div>
    </form>
  );
}

function requestOf({ transfer_to, greeting, timezone, currency, ...asked }: Asked): SetupRequest {
  const owner = { ...(transfer_to && { transfer_to }), ...(greeting && { greeting }) };
  return {
    ...asked,
    location_id: Number(asked.location_id),
    ...(timezone && { timezone }),
    ...(currency && { currency }),
    ...(Object.keys(owner).length > 0 && { owner }),
  };
}

const STEPS = [
  ["queued", "Waiting in line"],
  ["fetching", "Fetching pages"],
  ["reading", "Reading them"],
  ["storing", "Storing the shop"],
] as const;
const POLL_MS = 700;

function Watching({ jobId, again }: { jobId: string; again: () => void }) {
  const { data: job, error } = useQuery({
    queryKey: ["job", jobId],
    queryFn: async () => {
      const told = await api.job(jobId);
      if (told.state === "done") void queries.invalidateQueries({ queryKey: ["shops"] });
      return told;
    },
    refetchInterval: ({ state }) => (state.data && isOver(state.data) ? false : POLL_MS),
  });
  if (error) return <Failure error={error} again={again} />;
  if (!job) return null;
  return (
    <Card title={job.request.business_name}>
      <Steps job={job} />
      {job.error && (
        <p className="problem" role="alert">
          {job.error.message} Nothing was stored.
        </p>
      )}
      {job.state === "failed" && (
        <button type="button" className="button" onClick={again}>
          Change and try again
        </button>
      )}
      {job.state === "done" && <Done job={job} />}
    </Card>
  );
}

function isOver(job: Job): boolean {
  return job.state === "done" || job.state === "failed";
}

function Steps({ job }: { job: Job }) {
  const at = STEPS.findIndex(([state]) => state === job.state);
  return (
    <ol className="steps" role="status">
      {STEPS.map(([state, label], index) => {
        const isPast = job.state === "done" || (at >= 0 && index < at);
        return (
          <li key={state} data-step={isPast ? "past" : index === at ? "now" : "next"}>
            {isPast ? <Check size={16} aria-hidden="true" /> : <span className="dot" aria-hidden="true" />}
            {label}
            {state === "fetching" && job.pages_read > 0 && (
              <span className="quiet">
                {job.pages_read} of {Math.max(job.pages_wanted, job.pages_read)}
              </span>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function Done({ job }: { job: Job }) {
  const id = job.request.location_id;
  return (
    <>
      <p>
        {job.outcome === "proposed"
          ? "The shop was known; what the website says anew waits for approval."
          : "The shop is stored and answers its number from now on."}
      </p>
      {job.questions.length > 0 && (
        <>
          <h3>Still to be answered before it can book</h3>
          <ul className="questions">
            {job.questions.map((question) => (
              <li key={question.code + question.about.join()}>
                <CircleAlert size={16} aria-hidden="true" /> {question.text}
              </li>
            ))}
          </ul>
        </>
      )}
      <div className="form-acts">
        <Link href={`/shops/${id}/knowledge`} className="button">
          Fill in what is missing
        </Link>
        <Link
          href={job.outcome === "proposed" ? `/shops/${id}/changes` : `/shops/${id}`}
          className="button button-main"
        >
          Open the shop
        </Link>
      </div>
    </>
  );
}
