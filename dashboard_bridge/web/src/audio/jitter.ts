// When a frame that came over a network is to be played.

/** How long sound waits, so that late frames still find their place. */
export const BUFFER_S = 0.15;
/** So far ahead means that the clocks have drifted, or a burst came after a break. */
const MOST_AHEAD_S = 0.8;

/** Places frames by their time in the call; begins anew after a gap or a burst. */
export class Jitter {
  #offset: number | null = null;

  /** The moment, on the clock of `now`, at which a frame of `callMs` begins; null for one that came too late. */
  place(callMs: number, now: number): number | null {
    const inCall = callMs / 1000;
    this.#offset ??= now + BUFFER_S - inCall;
    const at = inCall + this.#offset;
    if (at >= now && at <= now + MOST_AHEAD_S) return at;
    if (at < now && at > now - BUFFER_S) return null;
    this.#offset = now + BUFFER_S - inCall;
    return now + BUFFER_S;
  }
}
