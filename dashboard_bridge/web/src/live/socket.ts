// One socket for the whole page; it comes back by itself, with growing pauses, until its papers are refused.

import { WebSocket as Reconnecting } from "partysocket";
import { useEffect } from "react";
import type { OpsMessage } from "../wire";
import { closed, opened, received } from "./store";

const PAPERS_REFUSED = 4401;

type Sound = (frame: ArrayBuffer) => void;
let hear: Sound = () => undefined;
let speak: (frame: Uint8Array<ArrayBuffer>) => void = () => undefined;

/** Sound of the call that is listened to goes to `sound` until another takes its place. */
export function onSound(sound: Sound): void {
  hear = sound;
}

/** Send a frame of the operator's voice; without a connection it is lost, as on any phone. */
export function sendSound(frame: Uint8Array<ArrayBuffer>): void {
  speak(frame);
}

/** Keep the socket open while the page is shown. `onRefused` is called when the server no longer knows us. */
export function useSocket(onRefused: () => void): void {
  useEffect(() => {
    const socket = open(onRefused);
    const hurry = () => socket.reconnect();
    window.addEventListener("online", hurry);
    return () => {
      window.removeEventListener("online", hurry);
      socket.close();
    };
  }, [onRefused]);
}

function open(onRefused: () => void): Reconnecting {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new Reconnecting(`${scheme}//${location.host}/ops?feed=full`, [], {
    minReconnectionDelay: 500,
    maxReconnectionDelay: 10_000,
    reconnectionDelayGrowFactor: 1.6,
    maxEnqueuedMessages: 0,
  });
  socket.binaryType = "arraybuffer";
  const isOpen = () => socket.readyState === Reconnecting.OPEN;
  speak = (frame) => {
    if (isOpen()) socket.send(frame);
  };
  socket.addEventListener("open", () =>
    opened((command) => {
      if (!isOpen()) return false;
      socket.send(JSON.stringify(command));
      return true;
    }),
  );
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === "string") received(JSON.parse(data) as OpsMessage);
    else hear(data);
  });
  socket.addEventListener("close", ({ code }) => {
    const refused = code === PAPERS_REFUSED;
    closed(refused);
    if (refused) {
      socket.close();
      onRefused();
    }
  });
  return socket;
}
