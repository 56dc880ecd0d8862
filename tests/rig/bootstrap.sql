-- What every Supabase project has and a new PostgreSQL lacks. Nothing is granted by default, as in new projects.
do $$
begin
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    create role authenticator login noinherit;
    grant anon, authenticated, service_role to authenticator;
exception when duplicate_object then
    null; -- roles belong to the cluster, which has had another database before
end $$;
grant usage on schema public to anon, authenticated, service_role;
