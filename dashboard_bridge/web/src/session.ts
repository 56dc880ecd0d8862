// Who looks at the page, and what they may do.

import { QueryCache, QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { ApiError, api, type Me, type Role } from "./api";
import { useLive } from "./live/store";
import type { ShopListing } from "./wire";

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (why, { queryKey }) => {
      // The cookie is no longer good: asking who we are brings the login form.
      const isOut = why instanceof ApiError && why.status === 401 && queryKey[0] !== "me";
      if (isOut) void queries.invalidateQueries({ queryKey: ["me"] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (times, why) => times < 2 && !(why instanceof ApiError && why.status < 500),
    },
  },
});

/** The start link carries the token behind the #, which no server sees; it is traded for the cookie and taken away. */
export async function redeemStartLink(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await api.login(token);
  } catch {
    // The login form comes up by itself, and says what is asked for.
  }
}

/** Us, or undefined while that is not known. `error` is an ApiError of 401 for somebody unknown. */
export function useMe() {
  return useQuery({ queryKey: ["me"], queryFn: api.me, staleTime: Number.POSITIVE_INFINITY, retry: 1 });
}

export function useForgetMe(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    void client.resetQueries({ queryKey: ["me"] });
  }, [client]);
}

const RANKS: Role[] = ["viewer", "operator", "owner"];

/** Whether we may act as `role` in a shop. */
export function may(me: Me | undefined, role: Role, locationId: number): boolean {
  if (!me) return false;
  const ours = me.role_by_location === "all" ? me.roles : [me.role_by_location[locationId] ?? undefined];
  const best = Math.max(-1, ...ours.map((one) => (one ? RANKS.indexOf(one) : -1)));
  return best >= RANKS.indexOf(role);
}

/** Whether we own any shop at all. */
export function ownsAny(me: Me | undefined): boolean {
  if (!me) return false;
  const roles = me.role_by_location === "all" ? me.roles : Object.values(me.role_by_location);
  return roles.includes("owner");
}

/** All shops we may see. */
export function useShops(): ShopListing[] {
  const told = useLive((live) => live.shops);
  const { data } = useQuery({ queryKey: ["shops"], queryFn: api.shops, staleTime: 60_000 });
  return data ?? told;
}

/** A shop's zone, for showing moments in; undefined (the browser's own) for one that is unknown. */
export function useZone(locationId: number | undefined): string | undefined {
  return useShops().find((shop) => shop.location_id === locationId)?.timezone;
}
