-- What became of a call, and what of it a person should look at: told once, when it ends. Null: not told.
--
-- mismatches: [{"turn", "kind", "said", "did"}], unanswered: [{"turn", "question"}]. Row-level security and grants are
-- those of the table.
alter table public.customer_interactions
    add column if not exists outcome text,
    add column if not exists summary text not null default '',
    add column if not exists mismatches jsonb not null default '[]',
    add column if not exists unanswered jsonb not null default '[]';

notify pgrst, 'reload schema';
