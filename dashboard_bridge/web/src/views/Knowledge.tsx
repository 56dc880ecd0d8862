import * as Tabs from "@radix-ui/react-tabs";
import { useMutation, useQuery } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { type FieldPath, FormProvider, useForm } from "react-hook-form";
import { Link } from "wouter";
import { ApiError, api, type Knowledge as Known } from "../api";
import { Failure, Head, Loading } from "../components/states";
import { queries, useShops } from "../session";
import { BasicsForm, BookingForm, FaqForm, HoursForm, ServicesForm, StaffForm } from "./knowledge/forms";
import { changedSections, fromForm, type KnowledgeForm, TABS, tabOf, toForm } from "./knowledge/shape";

/** What callers are told about a shop, to be changed by its owner. */
export default function Knowledge({ locationId }: { locationId: number }) {
  const { data, error, refetch } = useQuery({
    queryKey: ["knowledge", locationId],
    queryFn: () => api.knowledge(locationId),
    refetchOnWindowFocus: false, // what is being typed stays
  });
  if (error) return <Failure error={error} again={() => void refetch()} />;
  if (!data) return <Loading />;
  return <Editor key={data.version} known={data} reload={() => void refetch()} />;
}

const FORMS = {
  basics: BasicsForm,
  hours: HoursForm,
  services: ServicesForm,
  staff: StaffForm,
  faq: FaqForm,
  booking: BookingForm,
};

function Editor({ known, reload }: { known: Known; reload: () => void }) {
  const id = known.location_id;
  const name = useShops().find((one) => one.location_id === id)?.business_name ?? known.business_name;
  const [tab, setTab] = useState<keyof typeof FORMS>("basics");
  const form = useForm<KnowledgeForm>({ defaultValues: toForm(known) });
  const save = useMutation({
    mutationFn: (typed: KnowledgeForm) =>
      api.editKnowledge(id, known.version, changedSections(known, fromForm(typed, known))),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["knowledge", id] }),
    onError: (why) => {
      const fields = why instanceof ApiError ? why.fields : [];
      for (const { field, message } of fields) form.setError(field as FieldPath<KnowledgeForm>, { message });
      if (fields[0]) setTab(tabOf(fields[0].field));
    },
  });
  const outdated = isOutdated(save.error);
  return (
    <div className="page page-narrow">
      <Head title="Knowledge" sub={`What callers of ${name} are told. Version ${known.version}.`}>
        <Link href={`/shops/${id}`} className="button">
          <ArrowLeft size={16} aria-hidden="true" /> {name}
        </Link>
      </Head>
      <FormProvider {...form}>
        <form noValidate onSubmit={form.handleSubmit((typed) => save.mutate(typed))}>
          <Tabs.Root value={tab} onValueChange={(chosen) => setTab(chosen as keyof typeof FORMS)}>
            <Tabs.List className="tabs" aria-label="Parts of the knowledge">
              {TABS.map(([key, label]) => (
                <Tabs.Trigger key={key} value={key} className="tab">
                  {label}
                  {Object.keys(form.formState.errors).some((field) => tabOf(field) === key) && (
                    <span className="tab-bad">
                      <span className="visually-hidden">has mistakes</span>
                    </span>
                  )}
                </Tabs.Trigger>
              ))}
            </Tabs.List>
            {TABS.map(([key]) => {
              const Form = FORMS[key];
              return (
                <Tabs.Content key={key} value={key} className="card form">
                  <Form />
                </Tabs.Content>
              );
            })}
          </Tabs.Root>
          <div className="save-bar">
            {save.error && (
              <p className="problem" role="alert">
                {complaint(save.error)}
              </p>
            )}
            {save.isSuccess && !form.formState.isDirty && (
              <p className="quiet" role="status">
                Saved. New calls hear it from now on.
              </p>
            )}
            {outdated && (
              <button type="button" className="button" onClick={reload}>
                Load what is stored
              </button>
            )}
            <button type="submit" className="button button-main" disabled={save.isPending || !form.formState.isDirty}>
              Save
            </button>
          </div>
        </form>
      </FormProvider>
    </div>
  );
}

function isOutdated(why: Error | null): boolean {
  return why instanceof ApiError && [409, 412].includes(why.status);
}

function complaint(why: Error): string {
  if (isOutdated(why)) return "Somebody changed the shop meanwhile; nothing was saved.";
  if (why instanceof ApiError && why.fields.length > 0) return "Nothing was saved: a field needs another look.";
  return why.message;
}
