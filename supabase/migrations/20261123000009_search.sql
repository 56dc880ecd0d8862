-- Looking back: calls by shop, time, outcome and the words that were said; the appointments made in a call.

create index if not exists customer_interactions_by_time_idx
    on public.customer_interactions (started_at desc, call_sid desc);
create index if not exists bookings_by_call_idx on public.bookings (call_sid) where call_sid <> '';

-- {"calls": [{"call": row, "turns": count}]}, newest first. What p_search leaves out is left open: location_ids, call_sid,
-- outcome, since, until, before_at with before_sid, words; it always has a limit.
create or replace function public.search_calls(p_search jsonb) returns jsonb
language sql stable set search_path = '' set timezone = 'UTC' as $$
    select jsonb_build_object('calls', coalesce(jsonb_agg(f.found order by f.started_at desc, f.sid desc), '[]'))
    from (
        select c.started_at, c.call_sid collate "C" as sid, jsonb_build_object(
            'call', to_jsonb(c),
            'turns', (select count(*) from public.call_turns as t where t.call_sid = c.call_sid)) as found
        from public.customer_interactions as c
        where c.call_sid is not null and c.location_id is not null and c.started_at is not null
            and (p_search -> 'location_ids' is null or c.location_id in (
                select value::integer from jsonb_array_elements_text(p_search -> 'location_ids')))
            and (p_search ->> 'call_sid' is null or c.call_sid = p_search ->> 'call_sid')
            and (p_search ->> 'outcome' is null or c.outcome = p_search ->> 'outcome')
            and (p_search ->> 'since' is null or c.started_at >= (p_search ->> 'since')::timestamptz)
            and (p_search ->> 'until' is null or c.started_at < (p_search ->> 'until')::timestamptz)
            and (p_search ->> 'before_at' is null or (c.started_at, c.call_sid collate "C")
                < ((p_search ->> 'before_at')::timestamptz, p_search ->> 'before_sid'))
            -- Not ilike: % and _ would be more than they are.
            and not exists (
                select from jsonb_array_elements_text(p_search -> 'words') as word
                where not exists (
                    select from public.call_turns as t where t.call_sid = c.call_sid
                        and position(lower(word) in lower(t.heard || chr(10) || t.said)) > 0))
        order by c.started_at desc, c.call_sid collate "C" desc
        limit (p_search ->> 'limit')::integer
    ) as f
$$;

create or replace function public.bookings_of_call(p_location_id integer, p_call_sid text) returns jsonb
language sql stable set search_path = '' set timezone = 'UTC' as $$
    select jsonb_build_object(
        'bookings', coalesce(jsonb_agg(chairside.booking_json(b) order by b.start_time, b.id), '[]'))
    from public.bookings as b
    where b.location_id = p_location_id and b.call_sid = p_call_sid and b.call_sid <> '' and b.expires_at is null
$$;

revoke all on function public.search_calls(jsonb), public.bookings_of_call(integer, text)
    from public, anon, authenticated;
grant execute on function public.search_calls(jsonb), public.bookings_of_call(integer, text) to service_role;

notify pgrst, 'reload schema';
