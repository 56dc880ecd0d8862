-- What has to happen in one transaction. All run with the rights of the caller, which is the server's secret key.
--
-- A refusal is an error with SQLSTATE PT409 (a conflict) or PT404 (not found): the message is a sentence for
-- people, the detail a code for machines.

-- For what no request may call.
create schema if not exists chairside;

-- The salon of a location, made when there is none. Existing projects may demand more of a salon than we know.
create or replace function chairside.ensure_salon(p_location_id integer, p_business_name text) returns uuid
language plpgsql set search_path = '' as $$
declare
    v_salon uuid;
begin
    select id into v_salon from public.profiles where location_id = p_location_id;
    if v_salon is null then
        insert into public.profiles (id, location_id, business_name)
        values (gen_random_uuid(), p_location_id, p_business_name)
        returning id into v_salon;
        update public.customer_interactions set salon_id = v_salon
        where location_id = p_location_id and salon_id is null;
    end if;
    return v_salon;
exception when foreign_key_violation or not_null_violation then
    raise sqlstate 'PT404' using
        message = format('Location %s has no salon, and this project makes salons its own way (%s):'
            ' give a row of profiles location_id %s first.', p_location_id, sqlerrm, p_location_id),
        detail = 'location_unknown';
end $$;

-- Those who set shops up take turns: numbers may move between shops without a deadlock.
create or replace function chairside.take_turns() returns void
language sql set search_path = '' as $$ select pg_catalog.pg_advisory_xact_lock(7240115, 1) $$;

-- Stores a shop and returns its version, grown by one when something has changed.
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
    select data, version into v_stored, v_version from public.salon_static_data where key = p_key;
    if v_owner is not null and v_stored - 'version' = p_data - 'version' then
        return v_version;
    end if;
    v_salon := chairside.ensure_salon(v_location, p_data ->> 'business_name');
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

-- Each puts its rows in the place of those of the last look at the website, and returns how many there are.
create or replace function public.insert_scraped_services(p_location_id integer, p_rows jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
    v_salon uuid;
begin
    perform chairside.take_turns();
    v_salon := chairside.ensure_salon(p_location_id, null);
    delete from public.scraped_services where salon_id = v_salon;
    insert into public.scraped_services (
        salon_id, position, service_name, category, description, price, price_max, price_from, price_text,
        currency, duration, duration_text, source_url, source_quote, confidence)
    select v_salon, item.position, r.service_name, r.category, r.description, r.price, r.price_max, r.price_from,
        r.price_text, r.currency, r.duration, r.duration_text, r.source_url, r.source_quote, r.confidence
    from jsonb_array_elements(p_rows) with ordinality as item (fields, position),
        jsonb_to_record(item.fields) as r (
            service_name text, category text, description text, price numeric, price_max numeric,
            price_from boolean, price_text text, currency text, duration integer, duration_text text,
            source_url text, source_quote text, confidence double precision);
    return jsonb_array_length(p_rows);
end $$;

create or replace function public.insert_scraped_professionals(p_location_id integer, p_rows jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
    v_salon uuid;
begin
    perform chairside.take_turns();
    v_salon := chairside.ensure_salon(p_location_id, null);
    delete from public.scraped_professionals where salon_id = v_salon;
    insert into public.scraped_professionals (
        salon_id, position, name, role, specialties, source_url, source_quote, confidence)
    select v_salon, item.position, r.name, r.role, r.specialties, r.source_url, r.source_quote, r.confidence
    from jsonb_array_elements(p_rows) with ordinality as item (fields, position),
        jsonb_to_record(item.fields) as r (
            name text, role text, specialties jsonb, source_url text, source_quote text,
            confidence double precision);
    return jsonb_array_length(p_rows);
end $$;

create or replace function public.insert_salon_info(p_location_id integer, p_info jsonb) returns integer
language plpgsql set search_path = '' as $$
declare
    v_salon uuid;
begin
    perform chairside.take_turns();
    v_salon := chairside.ensure_salon(p_location_id, p_info ->> 'business_name');
    delete from public.salon_info where salon_id = v_salon;
    insert into public.salon_info (
        salon_id, business_name, website_url, phone, email, address, currency, hours, faq, sources)
    select v_salon, r.business_name, r.website_url, r.phone, r.email, r.address, r.currency, r.hours, r.faq,
        r.sources
    from jsonb_to_record(p_info) as r (
        business_name text, website_url text, phone text, email text, address text, currency text,
        hours jsonb, faq jsonb, sources jsonb);
    return 1;
end $$;

-- A call's salon follows from its location.
create or replace function chairside.name_the_salon() returns trigger
language plpgsql set search_path = '' as $$
begin
    select id into new.salon_id from public.profiles where location_id = new.location_id;
    return new;
end $$;
create or replace trigger name_the_salon before insert on public.customer_interactions
    for each row when (new.salon_id is null and new.location_id is not null)
    execute function chairside.name_the_salon();

-- A location_id opens everything that is kept under it: no member of a shop may choose one.
create or replace function chairside.keep_location_id() returns trigger
language plpgsql set search_path = '' as $$
begin
    if current_user in ('anon', 'authenticated') then
        raise insufficient_privilege using message = 'location_id is given by the server alone.';
    end if;
    return new;
end $$;
create or replace trigger keep_location_id_new before insert on public.profiles
    for each row when (new.location_id is not null) execute function chairside.keep_location_id();
create or replace trigger keep_location_id before update on public.profiles
    for each row when (new.location_id is distinct from old.location_id)
    execute function chairside.keep_location_id();
