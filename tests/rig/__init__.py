"""Supabase on this machine: real PostgreSQL and real PostgREST behind a small gateway, for as long as tests run."""
