-- The services and professionals of an approved shop as rows, for appointments to refer to. A row is found again by
-- its folded name and keeps its id, whoever made it; none is deleted: what a shop no longer names is not active.

alter table public.services
    add column if not exists name text,
    add column if not exists category text not null default '',
    add column if not exists description text not null default '',
    add column if not exists price numeric(12, 2),
    add column if not exists duration integer,
    add column if not exists active boolean not null default true,
    add column if not exists position integer not null default 0;
alter table public.professionals
    add column if not exists name text,
    add column if not exists role text not null default '',
    add column if not exists active boolean not null default true;

-- Projects that call the name of a professional full_name go on doing so: what is written there is a name here, and
-- a row of ours has both.
do $$
begin
    if exists (select from information_schema.columns
            where table_schema = 'public' and table_name = 'professionals' and column_name = 'full_name') then
        create or replace function chairside.name_the_professional() returns trigger
        language plpgsql set search_path = '' as $body$
        begin
            if tg_op = 'UPDATE' then
                if new.full_name is distinct from old.full_name then
                    new.name := new.full_name;
                end if;
            else
                new.name := coalesce(new.name, new.full_name);
                new.full_name := coalesce(new.full_name, new.name);
            end if;
            return new;
        end $body$;
        create or replace trigger name_the_professional before insert or update on public.professionals
            for each row execute function chairside.name_the_professional();
        revoke all on function chairside.name_the_professional() from public, anon, authenticated;
        update public.professionals set name = full_name where name is null;
    end if;
end $$;

create or replace function chairside.folded(p_text text) returns text
language sql immutable set search_path = '' as $$
    select lower(btrim(regexp_replace(normalize(coalesce(p_text, ''), nfkc), '\s+', ' ', 'g')))
$$;

-- Inserts a row, or updates that with p_id, and returns its id. Nothing is written as nothing, or as the column's
-- default where a project insists on something.
create or replace function chairside.put_row(p_table text, p_id text, p_fields jsonb) returns text
language plpgsql set search_path = '' as $$
declare
    v_columns text;
    v_values text;
    v_id text := p_id;
begin
    select string_agg(quote_ident(f.key), ', ' order by f.key),
        string_agg(case when f.value is null and a.attnotnull then 'default' else quote_nullable(f.value) end, ', '
            order by f.key)
    into v_columns, v_values
    from jsonb_each_text(p_fields) as f
        join pg_attribute a on a.attrelid = ('public.' || quote_ident(p_table))::regclass and a.attname = f.key;
    if p_id is null then
        execute format('insert into public.%I (%s) values (%s) returning id::text', p_table, v_columns, v_values)
        into v_id;
    else
        execute format('update public.%I set (%s) = row(%s) where id = %L', p_table, v_columns, v_values, p_id);
    end if;
    return v_id;
end $$;

-- The row of each of p_items, which have a name and perhaps a category, among p_rows: {id, name, category}, the best
-- first. Of equal names that of the same category, else any that is left; null where there is none.
create or replace function chairside.find_rows(p_items jsonb, p_rows jsonb)
returns table (fields jsonb, at bigint, row_id text)
language sql immutable set search_path = '' as $$
    with wanted as (
        select w.item, w.at, w.name, w.category,
            row_number() over (partition by w.name, w.category order by w.at) as nth
        from (
            select i.item, i.at, chairside.folded(i.item ->> 'name') as name,
                coalesce(chairside.folded(i.item ->> 'category'), '') as category
            from jsonb_array_elements(p_items) with ordinality as i (item, at)) as w
    ), had as (
        select h.id, h.at, h.name, h.category,
            row_number() over (partition by h.name, h.category order by h.at) as nth
        from (
            select r.item ->> 'id' as id, r.at, chairside.folded(r.item ->> 'name') as name,
                coalesce(chairside.folded(r.item ->> 'category'), '') as category
            from jsonb_array_elements(p_rows) with ordinality as r (item, at)) as h
    ), alike as (
        select wanted.at, had.id from wanted join had using (name, category, nth)
    ), wanted_still as (
        select w.at, w.name, row_number() over (partition by w.name order by w.at) as nth
        from wanted w where w.at not in (select a.at from alike a)
    ), left_over as (
        select h.id, h.name, row_number() over (partition by h.name order by h.at) as nth
        from had h where h.id not in (select a.id from alike a)
    )
    select w.item, w.at, coalesce(a.id, l.id)
    from wanted w
        left join alike a on a.at = w.at
        left join (wanted_still s join left_over l using (name, nth)) on s.at = w.at
$$;

-- Gives every one of p_items its row in a table.
create or replace function chairside.project_rows(p_table text, p_salon uuid, p_items jsonb) returns void
language plpgsql set search_path = '' as $$
declare
    v_rows jsonb;
    v_kept text[] := '{}';
    v_item record;
begin
    execute format('select jsonb_agg(to_jsonb(t) order by t.active desc, t.id) from public.%I t where salon_id = %L',
        p_table, p_salon) into v_rows;
    for v_item in select * from chairside.find_rows(p_items, coalesce(v_rows, '[]')) as found order by found.at loop
        v_kept := v_kept || chairside.put_row(
            p_table, v_item.row_id, v_item.fields || jsonb_build_object('salon_id', p_salon, 'active', true));
    end loop;
    execute format('update public.%I set active = false where salon_id = %L and active and id::text <> all (%L)',
        p_table, p_salon, v_kept);
exception when integrity_constraint_violation or data_exception then
    raise sqlstate 'PT409' using
        message = format('The table %s of this project does not take what the shop says (%s):'
            ' give a column of its own a default.', p_table, sqlerrm),
        detail = 'projection_refused';
end $$;

create or replace function chairside.project_shop(p_salon uuid, p_shop jsonb) returns void
language plpgsql set search_path = '' as $$
begin
    perform chairside.project_rows('services', p_salon, coalesce((
        select jsonb_agg(jsonb_build_object('name', s.fields ->> 'name', 'category', s.fields ->> 'category',
            'description', s.fields ->> 'description', 'price', s.fields ->> 'price',
            'duration', s.fields ->> 'minutes', 'position', s.position) order by s.position)
        from jsonb_array_elements(p_shop -> 'services') with ordinality as s (fields, position)), '[]'));
    perform chairside.project_rows('professionals', p_salon, coalesce((
        select jsonb_agg(jsonb_build_object('name', p.fields ->> 'name', 'role', p.fields ->> 'role')
            order by p.position)
        from jsonb_array_elements(p_shop -> 'professionals') with ordinality as p (fields, position)), '[]'));
end $$;

-- As before, and the rows in the same transaction; also when nothing has changed, so that they are always there.
create or replace function public.store_knowledge(p_key text, p_data jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
    v_location integer := (p_data ->> 'location_id')::integer;
    v_phone text := p_data ->> 'phone_number';
    v_owner integer;
    v_stored jsonb;
    v_version integer;
    v_salon uuid;
begin
    if p_key is distinct from 'location_' || v_location then
        raise sqlstate 'PT409' using
            message = format('%s is not the key of location %s.', quote_literal(p_key), v_location),
            detail = 'key_mismatch';
    end if;
    perform chairside.take_turns();
    select location_id into v_owner from public.phone_numbers where phone_number = v_phone;
    if v_owner <> v_location then
        raise sqlstate 'PT409' using
            message = format('%s already leads to location %s.', v_phone, v_owner), detail = 'phone_number_taken';
    end if;
    v_salon := chairside.ensure_salon(v_location, p_data ->> 'business_name');
    perform chairside.project_shop(v_salon, p_data);
    select data, version into v_stored, v_version from public.salon_static_data where key = p_key;
    if v_owner is not null and v_stored - 'version' = p_data - 'version' then
        return v_version;
    end if;
    v_version := coalesce(v_version, 0) + 1;
    insert into public.salon_static_data (key, data, version)
    values (p_key, jsonb_set(p_data, '{version}', to_jsonb(v_version)), v_version)
    on conflict (key) do update
        set data = excluded.data, version = excluded.version, updated_at = now();
    update public.profiles set
        business_name = p_data ->> 'business_name', phone = v_phone,
        timezone = p_data ->> 'timezone', website_url = p_data ->> 'website_url'
    where id = v_salon;
    delete from public.phone_numbers where location_id = v_location;
    insert into public.phone_numbers (phone_number, location_id) values (v_phone, v_location);
    return v_version;
end $$;

-- Shops stored before there were rows. What is not ours under such a key has no number that leads to it.
do $$
declare
    v_shop record;
begin
    for v_shop in
        select p.id as salon, d.location_id, d.data from public.salon_static_data d
            join public.profiles p on p.location_id = d.location_id
            join public.phone_numbers n on n.location_id = d.location_id
        where d.data ->> 'phone_number' = n.phone_number
    loop
        begin
            perform chairside.project_shop(v_shop.salon, v_shop.data);
        exception when sqlstate 'PT409' then
            raise warning 'Location % has no rows in services and professionals: %', v_shop.location_id, sqlerrm;
        end;
    end loop;
end $$;

revoke all on function
    chairside.folded(text), chairside.put_row(text, text, jsonb), chairside.find_rows(jsonb, jsonb),
    chairside.project_rows(text, uuid, jsonb), chairside.project_shop(uuid, jsonb)
    from public, anon, authenticated;
grant execute on function
    chairside.folded(text), chairside.put_row(text, text, jsonb), chairside.find_rows(jsonb, jsonb),
    chairside.project_rows(text, uuid, jsonb), chairside.project_shop(uuid, jsonb)
    to service_role;

notify pgrst, 'reload schema';
