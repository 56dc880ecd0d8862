-- A salon project as it may have been for years when our migrations come: tables of its own make, rows in them
-- (two bookings overlap), logins that are salons, policies that are too open, and grants by default.
create schema auth;
create table auth.users (id uuid primary key);
create function auth.uid() returns uuid language sql stable as
    $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
grant usage on schema auth to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;

create table public.profiles (
    id uuid primary key references auth.users (id),
    salon_name text not null default 'Unnamed',
    phone text,
    created_at timestamptz default now()
);
create table public.services (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid not null references public.profiles (id),
    name text not null,
    price numeric not null default 0,
    duration_minutes integer
);
create table public.professionals (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid not null references public.profiles (id),
    full_name text not null
);
create table public.bookings (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid not null references public.profiles (id),
    professional_id uuid not null references public.professionals (id),
    service_id uuid references public.services (id),
    client_name text,
    start_time timestamptz not null,
    end_time timestamptz not null,
    status text default 'confirmed'
);
create table public.customer_interactions (
    id uuid primary key default gen_random_uuid(),
    salon_id uuid references public.profiles (id),
    kind text not null default 'call',
    transcript text,
    created_at timestamptz default now()
);
-- Another program's idea of what belongs under such a key.
create table public.salon_static_data (
    key text primary key,
    data jsonb
);

alter table public.profiles enable row level security;
create policy "Enable read access for all users" on public.profiles for select using (true);
create policy "Users can update own profile" on public.profiles for update using (auth.uid() = id);
alter table public.bookings enable row level security;
create policy "Enable everything for the website" on public.bookings for all using (true) with check (true);

insert into auth.users values
    ('00000000-0000-4000-8000-000000000001'), ('00000000-0000-4000-8000-000000000002');
insert into public.profiles (id, salon_name, phone) values
    ('00000000-0000-4000-8000-000000000001', 'Plumeria', '(808) 482-6296'),
    ('00000000-0000-4000-8000-000000000002', 'Copper Lane', '020 7946 0123');
insert into public.services (salon_id, name, price) values
    ('00000000-0000-4000-8000-000000000001', 'Balayage', 180), ('00000000-0000-4000-8000-000000000002', 'Cut', 45);
insert into public.professionals (id, salon_id, full_name) values
    ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000001', 'Ana'),
    ('00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-000000000002', 'Imogen');
insert into public.bookings (salon_id, professional_id, start_time, end_time) values
    ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-0000000000a1', '2025-05-01T10:00Z',
        '2025-05-01T11:00Z'),
    ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-0000000000a1', '2025-05-01T10:30Z',
        '2025-05-01T11:30Z'),
    ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-0000000000b1', '2025-05-01T10:00Z',
        '2025-05-01T11:00Z');
insert into public.customer_interactions (salon_id, transcript) values
    ('00000000-0000-4000-8000-000000000001', 'an old call'), ('00000000-0000-4000-8000-000000000002', 'another');
insert into public.salon_static_data values
    ('location_1', '{"services": [{"name": "Balayage", "cost": "180"}]}'), ('opening_banner', '"Welcome"');
