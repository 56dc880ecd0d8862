// What the page knows of the live calls: one store, fed by one socket.

import { create } from "zustand";
import type { Act, OpsMessage } from "../wire";
import { connected, EMPTY, type Feed, step } from "./feed";

export type Link = "connecting" | "open" | "waiting" | "refused";

interface Live extends Feed {
  link: Link;
  /** When the link was last restored after a break, in ms of the page's clock. */
  backAt: number | null;
  /** The call that is listened to, as the server confirmed. */
  listening: string | null;
}

export const useLive = create<Live>(() => ({ ...EMPTY, link: "connecting", backAt: null, listening: null }));

/** An act that the server refused; `code` is stable. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Waiting {
  done: () => void;
  refuse: (why: Refused) => void;
}

const waiting = new Map<string, Waiting>();
let send: (command: object) => boolean = () => false;
let serial = 0;

/** Ask for an act in a call. Rejects with Refused, also when the link breaks before the answer. */
export function act(kind: Act, callSid: string, more: { text?: string; to?: string } = {}): Promise<void> {
  const id = `act-${++serial}`;
  return new Promise((done, refuse) => {
    waiting.set(id, { done, refuse });
    if (!send({ type: "act", id, act: kind, call_sid: callSid, ...more })) {
      waiting.delete(id);
      refuse(new Refused("not_connected", "There is no connection to the server; try again in a moment."));
    }
  });
}

/** The socket is open: from here on `sender` carries commands. It returns false when it cannot. */
export function opened(sender: (command: object) => boolean): void {
  send = sender;
  const before = useLive.getState().link;
  useLive.setState((live) => ({ ...connected(live), link: "open", backAt: before === "waiting" ? Date.now() : null }));
}

/** The socket is gone; `refused` when coming back is of no use without new papers. */
export function closed(refused: boolean): void {
  send = () => false;
  for (const [id, { refuse }] of waiting) {
    waiting.delete(id);
    refuse(new Refused("connection_lost", "The connection broke; whether it was done is shown in the call."));
  }
  useLive.setState({ link: refused ? "refused" : "waiting", listening: null, asked: [] });
}

/** One message of the socket. */
export function received(message: OpsMessage): void {
  if (message.type === "acted") settle(message.data.id);
  else if (message.type === "error")
    settle("id" in message.data ? message.data.id : undefined, new Refused(message.data.code, message.data.message));
  else if (message.type === "audio") useLive.setState({ listening: message.data.on ? message.data.call_sid : null });
  else {
    const { feed, resync } = step(useLive.getState(), message);
    useLive.setState(feed);
    if (resync !== undefined) send({ type: "resync", call_sid: resync });
  }
}

function settle(id: string | undefined, why?: Refused): void {
  const one = id ? waiting.get(id) : undefined;
  if (!id || !one) return;
  waiting.delete(id);
  if (why) one.refuse(why);
  else one.done();
}
