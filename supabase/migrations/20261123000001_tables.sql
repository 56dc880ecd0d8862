-- The tables of Chairside: core PostgreSQL (15 and later), no extension.
--
-- Safe on a project that already has some of them, and safe to apply again: a table that exists keeps its rows
-- and its columns and gains what it lacks. profiles, services, professionals, bookings and
-- customer_interactions are the ones a salon project usually has.

-- A salon. Its number in public is location_id; a salon without one is not answered for.
create table if not exists public.profiles (
    id uuid primary key default gen_random_uuid()
);
alter table public.profiles
    add column if not exists location_id integer check (location_id between 1 and 999999999),
    add column if not exists business_name text,
    add column if not exists phone text,
    add column if not exists timezone text,
    add column if not exists website_url text,
    add column if not exists created_at timestamptz not null default now();
create unique index if not exists profiles_location_id_key on public.profiles (location_id);

create table if not exists public.services (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    category text not null default '',
    description text not null default '',
    price numeric(12, 2),
    duration integer,
    created_at timestamptz not null default now()
);
alter table public.services
    add column if not exists salon_id uuid references public.profiles (id) on delete cascade;
create index if not exists services_salon_id_idx on public.services (salon_id);

create table if not exists public.professionals (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    role text not null default '',
    created_at timestamptz not null default now()
);
alter table public.professionals
    add column if not exists salon_id uuid references public.profiles (id) on delete cascade;
create index if not exists professionals_salon_id_idx on public.professionals (salon_id);

create table if not exists public.bookings (
    id uuid primary key default gen_random_uuid(),
    professional_id uuid references public.professionals (id),
    service_id uuid references public.services (id),
    customer_name text not null default '',
    customer_phone text not null default '',
    start_time timestamptz not null,
    end_time timestamptz not null,
    status text not null default 'booked',
    notes text not null default '',
    created_at timestamptz not null default now()
);
alter table public.bookings
    add column if not exists salon_id uuid references public.profiles (id) on delete cascade;
create index if not exists bookings_salon_id_idx on public.bookings (salon_id);

-- One row a call. A call is kept even when its location has no salon (any more): salon_id then is null.
create table if not exists public.customer_interactions (
    id uuid primary key default gen_random_uuid()
);
alter table public.customer_interactions
    add column if not exists salon_id uuid references public.profiles (id) on delete set null,
    add column if not exists call_sid text,
    add column if not exists location_id integer check (location_id > 0),
    add column if not exists caller text,
    add column if not exists called text,
    add column if not exists started_at timestamptz,
    add column if not exists greeting text not null default '',
    add column if not exists ended_at timestamptz,
    add column if not exists end_reason text;
create unique index if not exists customer_interactions_call_sid_key on public.customer_interactions (call_sid);
create unique index if not exists customer_interactions_call_of_location_key
    on public.customer_interactions (call_sid, location_id);
create index if not exists customer_interactions_salon_id_idx on public.customer_interactions (salon_id);
create index if not exists customer_interactions_recent_idx
    on public.customer_interactions (location_id, started_at desc);

create table if not exists public.call_turns (
    call_sid text not null,
    location_id integer not null,
    turn_index integer not null check (turn_index >= 1),
    heard text not null,
    said text not null default '',
    spoken text not null default '',
    interrupted boolean not null default false,
    voice_to_voice_ms double precision,
    at timestamptz not null,
    primary key (call_sid, turn_index),
    foreign key (call_sid, location_id)
        references public.customer_interactions (call_sid, location_id) on delete cascade
);
create index if not exists call_turns_location_id_idx on public.call_turns (location_id);

-- A message may be stored before the record of its call is, so it refers to no row.
create table if not exists public.messages (
    id uuid primary key default gen_random_uuid(),
    call_sid text not null,
    location_id integer not null check (location_id > 0),
    tool_call_id text not null,
    caller_name text not null default '',
    callback_number text not null default '',
    text text not null,
    at timestamptz not null,
    unique (call_sid, tool_call_id)
);
create index if not exists messages_recent_idx on public.messages (location_id, at desc);

-- The approved knowledge of a shop under 'location_N'; all that a call reads.
create table if not exists public.salon_static_data (
    id uuid primary key default gen_random_uuid(),
    key text not null,
    data jsonb not null default '{}'
);
alter table public.salon_static_data
    add column if not exists version integer not null default 1 check (version > 0),
    add column if not exists updated_at timestamptz not null default now(),
    add column if not exists location_id integer generated always as
        (case when key ~ '^location_[1-9][0-9]{0,8}$' then substr(key, 10)::integer end) stored;
create unique index if not exists salon_static_data_key_idx on public.salon_static_data (key);
create index if not exists salon_static_data_location_id_idx on public.salon_static_data (location_id);

create table if not exists public.phone_numbers (
    phone_number text primary key check (phone_number ~ '^\+[1-9][0-9]{1,14}$'),
    location_id integer not null references public.profiles (location_id) on update cascade on delete cascade
);
create index if not exists phone_numbers_location_id_idx on public.phone_numbers (location_id);

-- What the last look at a shop's website found, each fact with the page and the words that say so.
create table if not exists public.scraped_services (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid not null references public.profiles (id) on delete cascade
);
alter table public.scraped_services
    add column if not exists position integer not null default 0,
    add column if not exists service_name text not null default '',
    add column if not exists category text not null default '',
    add column if not exists description text not null default '',
    add column if not exists price numeric(12, 2),
    add column if not exists price_max numeric(12, 2),
    add column if not exists price_from boolean not null default false,
    add column if not exists price_text text not null default '',
    add column if not exists currency text not null default '',
    add column if not exists duration integer,
    add column if not exists duration_text text not null default '',
    add column if not exists source_url text not null default '',
    add column if not exists source_quote text not null default '',
    add column if not exists confidence double precision not null default 1,
    add column if not exists scraped_at timestamptz not null default now();
create index if not exists scraped_services_salon_id_idx on public.scraped_services (salon_id);

create table if not exists public.scraped_professionals (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid not null references public.profiles (id) on delete cascade
);
alter table public.scraped_professionals
    add column if not exists position integer not null default 0,
    add column if not exists name text not null default '',
    add column if not exists role text not null default '',
    add column if not exists specialties jsonb not null default '[]',
    add column if not exists source_url text not null default '',
    add column if not exists source_quote text not null default '',
    add column if not exists confidence double precision not null default 1,
    add column if not exists scraped_at timestamptz not null default now();
create index if not exists scraped_professionals_salon_id_idx on public.scraped_professionals (salon_id);

-- One row a salon.
create table if not exists public.salon_info (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid not null references public.profiles (id) on delete cascade
);
alter table public.salon_info
    add column if not exists business_name text not null default '',
    add column if not exists website_url text not null default '',
    add column if not exists phone text not null default '',
    add column if not exists email text not null default '',
    add column if not exists address text not null default '',
    add column if not exists currency text not null default '',
    add column if not exists hours jsonb not null default '{}',
    add column if not exists faq jsonb not null default '[]',
    add column if not exists sources jsonb not null default '{}',
    add column if not exists scraped_at timestamptz not null default now();
create unique index if not exists salon_info_salon_id_key on public.salon_info (salon_id);

-- What would change in a shop's knowledge, until somebody of the shop has said yes or no.
create table if not exists public.knowledge_proposals (
    id uuid primary key default gen_random_uuid(),
    location_id integer not null check (location_id > 0),
    base_version integer not null default 0,
    data jsonb not null,
    state text not null default 'open' check (state in ('open', 'approved', 'rejected', 'superseded')),
    created_at timestamptz not null default now(),
    decided_at timestamptz,
    decided_by uuid
);
create index if not exists knowledge_proposals_location_id_idx
    on public.knowledge_proposals (location_id, created_at desc);

-- Who belongs to which salon: user_id is the `sub` of a Supabase login.
create table if not exists public.shop_members (
    user_id uuid not null,
    salon_id uuid not null references public.profiles (id) on delete cascade,
    role text not null default 'viewer' check (role in ('owner', 'operator', 'viewer')),
    created_at timestamptz not null default now(),
    primary key (user_id, salon_id)
);
create index if not exists shop_members_salon_id_idx on public.shop_members (salon_id);
