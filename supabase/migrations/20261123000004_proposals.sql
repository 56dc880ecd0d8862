-- What a website says anew waits for somebody's word, and what was said is kept; so is what the website said when
-- the shop was last approved, so that an owner's own edit is not proposed back.

alter table public.knowledge_proposals
    add column if not exists scraped jsonb,
    add column if not exists revision integer not null default 1 check (revision > 0),
    alter column decided_by type text; -- who holds the server's own token has no login
update public.knowledge_proposals p set state = 'superseded'
where state = 'open' and exists (
    select from public.knowledge_proposals newer
    where newer.location_id = p.location_id and newer.state = 'open'
        and (newer.created_at, newer.id) > (p.created_at, p.id));
create unique index if not exists knowledge_proposals_open_key
    on public.knowledge_proposals (location_id) where state = 'open';

-- One row a shop: the shop as its website told it then.
create table if not exists public.approved_scrapes (
    location_id integer primary key check (location_id > 0),
    data jsonb not null,
    approved_at timestamptz not null default now()
);

create or replace function chairside.approve_scrape(p_location_id integer, p_scraped jsonb) returns void
language sql set search_path = '' as $$
    insert into public.approved_scrapes (location_id, data) values (p_location_id, p_scraped)
    on conflict (location_id) do update set data = excluded.data, approved_at = now()
$$;

-- Stores a shop made from the version it names, or the same again; refuses with the code p_refusal when another is
-- stored meanwhile.
create or replace function chairside.store_if_current(p_shop jsonb, p_refusal text) returns integer
language plpgsql set search_path = '' as $$
declare
    v_location integer := (p_shop ->> 'location_id')::integer;
    v_stored jsonb;
    v_version integer;
begin
    perform chairside.take_turns();
    select data, version into v_stored, v_version from public.salon_static_data
    where key = 'location_' || v_location;
    if coalesce(v_version, 0) <> (p_shop ->> 'version')::integer
        and v_stored - 'version' is distinct from p_shop - 'version' then
        raise sqlstate 'PT409' using
            message = format('Location %s was changed meanwhile; look at it again.', v_location),
            detail = p_refusal;
    end if;
    return public.store_knowledge('location_' || v_location, p_shop);
end $$;

-- Stores a shop with the scrape it was approved from; without one, the one before stays.
create or replace function public.store_approved(p_shop jsonb, p_scraped jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
    v_location integer := (p_shop ->> 'location_id')::integer;
    v_version integer := chairside.store_if_current(p_shop, 'shop_changed');
begin
    if p_scraped is not null then
        perform chairside.approve_scrape(v_location, p_scraped);
        update public.knowledge_proposals set state = 'superseded'
        where location_id = v_location and state = 'open';
    end if;
    return v_version;
end $$;

-- Keeps an open proposal in the place of the one before; the same again changes nothing.
create or replace function public.propose_changes(
    p_id uuid, p_location_id integer, p_base_version integer, p_data jsonb, p_scraped jsonb,
    p_created_at timestamptz) returns integer
language plpgsql set search_path = '' as $$
declare
    v_owner integer;
begin
    perform chairside.take_turns();
    select location_id into v_owner from public.knowledge_proposals where id = p_id;
    if v_owner = p_location_id then
        return 0;
    elsif v_owner is not null then
        raise sqlstate 'PT409' using
            message = 'A proposal of another shop has this id', detail = 'proposal_exists';
    end if;
    update public.knowledge_proposals set state = 'superseded'
    where location_id = p_location_id and state = 'open';
    insert into public.knowledge_proposals (id, location_id, base_version, data, scraped, created_at)
    values (p_id, p_location_id, p_base_version, p_data, p_scraped, p_created_at);
    return 1;
end $$;

-- Stores what was said to an open proposal, and the shop as the approved changes make it, if there is one.
create or replace function public.decide_proposal(
    p_id uuid, p_location_id integer, p_revision integer, p_data jsonb, p_state text, p_decided_at timestamptz,
    p_decided_by text, p_shop jsonb, p_scraped jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
    v_state text;
    v_revision integer;
    v_version integer;
begin
    perform chairside.take_turns();
    select state, revision into v_state, v_revision from public.knowledge_proposals
    where id = p_id and location_id = p_location_id;
    if v_state is null then
        raise sqlstate 'PT404' using
            message = format('Location %s has no proposal %s.', p_location_id, p_id), detail = 'proposal_unknown';
    elsif v_state in ('approved', 'rejected') then
        raise sqlstate 'PT409' using
            message = format('The proposal was %s before.', v_state), detail = 'proposal_decided';
    elsif v_state = 'superseded' or v_revision <> p_revision then
        raise sqlstate 'PT409' using
            message = 'The proposal was changed meanwhile; look at it again.', detail = 'proposal_outdated';
    end if;
    if p_shop is null then
        select version into v_version from public.salon_static_data where location_id = p_location_id;
    else
        v_version := chairside.store_if_current(p_shop, 'proposal_outdated');
    end if;
    perform chairside.approve_scrape(p_location_id, p_scraped);
    update public.knowledge_proposals set
        data = p_data, state = p_state, revision = revision + 1, decided_at = p_decided_at, decided_by = p_decided_by
    where id = p_id;
    return coalesce(v_version, 0);
end $$;

-- Access, as everywhere: members of a shop read, the server writes.
alter table public.approved_scrapes enable row level security;
revoke all on public.approved_scrapes from public, anon, authenticated;
grant select, insert, update, delete on public.approved_scrapes to service_role;
grant select on public.approved_scrapes to authenticated;
drop policy if exists chairside_members_only on public.approved_scrapes;
create policy chairside_members_only on public.approved_scrapes as restrictive for all to anon, authenticated
    using (location_id in (select chairside.my_locations()))
    with check (location_id in (select chairside.my_locations()));
drop policy if exists chairside_members_read on public.approved_scrapes;
create policy chairside_members_read on public.approved_scrapes for select to authenticated
    using (location_id in (select chairside.my_locations()));

revoke all on function
    chairside.approve_scrape(integer, jsonb), chairside.store_if_current(jsonb, text),
    public.store_approved(jsonb, jsonb),
    public.propose_changes(uuid, integer, integer, jsonb, jsonb, timestamptz),
    public.decide_proposal(uuid, integer, integer, jsonb, text, timestamptz, text, jsonb, jsonb)
    from public, anon, authenticated;
grant execute on function
    chairside.approve_scrape(integer, jsonb), chairside.store_if_current(jsonb, text),
    public.store_approved(jsonb, jsonb),
    public.propose_changes(uuid, integer, integer, jsonb, jsonb, timestamptz),
    public.decide_proposal(uuid, integer, integer, jsonb, text, timestamptz, text, jsonb, jsonb)
    to service_role;

notify pgrst, 'reload schema';
