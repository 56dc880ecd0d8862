-- Who may do what. Needs the roles of every Supabase project: anon, authenticated, service_role.
--
-- The server uses the secret key (service_role, which row-level security does not bind). A signed-in member reads
-- the rows of their own salons, whatever other policies a project already had; writes go through the server.
-- Nobody else sees anything. Every grant is said here: new projects grant nothing by default.

-- The user a request is made for, or null.
create or replace function chairside.my_user_id() returns uuid
language sql stable set search_path = '' as $$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

-- The salons of that user. In projects where a salon's profile is its owner's login, the two ids are one.
create or replace function chairside.my_salons() returns setof uuid
language sql stable security definer set search_path = '' as $$
    select salon_id from public.shop_members where user_id = chairside.my_user_id()
    union all
    select chairside.my_user_id()
$$;

create or replace function chairside.my_locations() returns setof integer
language sql stable security definer set search_path = '' as $$
    select location_id from public.profiles
    where location_id is not null and id in (select chairside.my_salons())
$$;

do $$
declare
    v_rows record;
begin
    for v_rows in
        select * from (values
            ('profiles', 'id in (select chairside.my_salons())'),
            ('services', 'salon_id in (select chairside.my_salons())'),
            ('professionals', 'salon_id in (select chairside.my_salons())'),
            ('bookings', 'salon_id in (select chairside.my_salons())'),
            ('scraped_services', 'salon_id in (select chairside.my_salons())'),
            ('scraped_professionals', 'salon_id in (select chairside.my_salons())'),
            ('salon_info', 'salon_id in (select chairside.my_salons())'),
            ('shop_members', 'salon_id in (select chairside.my_salons())'),
            ('salon_static_data', 'location_id in (select chairside.my_locations())'),
            ('phone_numbers', 'location_id in (select chairside.my_locations())'),
            ('call_turns', 'location_id in (select chairside.my_locations())'),
            ('messages', 'location_id in (select chairside.my_locations())'),
            ('knowledge_proposals', 'location_id in (select chairside.my_locations())'),
            ('customer_interactions', 'case when location_id is null then salon_id in (select chairside.my_salons())'
                ' else location_id in (select chairside.my_locations()) end')
        ) as t (table_name, is_mine)
    loop
        execute format('alter table public.%I enable row level security', v_rows.table_name);
        execute format('revoke all on public.%I from public, anon', v_rows.table_name);
        execute format('revoke truncate on public.%I from authenticated', v_rows.table_name);
        execute format('grant select, insert, update, delete on public.%I to service_role', v_rows.table_name);
        execute format('grant select on public.%I to authenticated', v_rows.table_name);
        -- Permissive policies add up, so one that a project already had could open a table to every login:
        -- the restrictive one stands before them all.
        execute format('drop policy if exists chairside_members_only on public.%I', v_rows.table_name);
        execute format('create policy chairside_members_only on public.%I as restrictive for all'
            ' to anon, authenticated using (%s) with check (%2$s)', v_rows.table_name, v_rows.is_mine);
        execute format('drop policy if exists chairside_members_read on public.%I', v_rows.table_name);
        execute format('create policy chairside_members_read on public.%I for select to authenticated using (%s)',
            v_rows.table_name, v_rows.is_mine);
    end loop;
end $$;

-- Projects that still grant everything by default did so for our own tables, too: there, members only read.
revoke insert, update, delete, truncate on
    public.salon_static_data, public.phone_numbers, public.call_turns, public.messages, public.scraped_services,
    public.scraped_professionals, public.salon_info, public.knowledge_proposals, public.shop_members
    from authenticated;

grant usage on schema public to authenticated, service_role;
grant usage on schema chairside to authenticated, service_role;
revoke all on all functions in schema chairside from public, anon, authenticated;
grant execute on function chairside.my_user_id(), chairside.my_salons(), chairside.my_locations() to authenticated;
grant execute on all functions in schema chairside to service_role;
revoke all on function
    public.store_knowledge(text, jsonb), public.insert_scraped_services(integer, jsonb),
    public.insert_scraped_professionals(integer, jsonb), public.insert_salon_info(integer, jsonb)
    from public, anon, authenticated;
grant execute on function
    public.store_knowledge(text, jsonb), public.insert_scraped_services(integer, jsonb),
    public.insert_scraped_professionals(integer, jsonb), public.insert_salon_info(integer, jsonb)
    to service_role;

notify pgrst, 'reload schema';
