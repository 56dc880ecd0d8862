import { useSyncExternalStore } from "react";

let now = Date.now();
const watching = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(tell: () => void): () => void {
  watching.add(tell);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const one of watching) one();
  }, 1000);
  return () => {
    watching.delete(tell);
    if (watching.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, once a second, the same for everything on the page. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}
