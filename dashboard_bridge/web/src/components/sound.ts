import { useCallback, useEffect, useRef, useState } from "react";
import { type Microphone, openMicrophone } from "../audio/microphone";
import { Player } from "../audio/player";
import { onSound, sendSound } from "../live/socket";
import { act, useLive } from "../live/store";

/** Plays a call while the server sends it. `prepare` belongs into the press that asks for it. */
export function useListening(callSid: string): { prepare: () => void; drop: () => void } {
  const player = useRef<Player | null>(null);
  const drop = useCallback(() => {
    onSound(() => undefined);
    void player.current?.close();
    player.current = null;
  }, []);
  const listening = useLive((live) => live.listening);
  const was = useRef<string | null>(null);
  useEffect(() => {
    if (was.current === callSid && listening !== callSid) drop();
    was.current = listening;
  }, [listening, callSid, drop]);
  useEffect(
    () => () => {
      if (player.current) act("unlisten", callSid).catch(() => undefined); // gone from the call: nothing to tell
      drop();
    },
    [callSid, drop],
  );
  const prepare = useCallback(() => {
    player.current ??= new Player();
    const playing = player.current;
    onSound((frame) => playing.play(frame));
  }, []);
  return { prepare, drop };
}

/** The microphone for as long as the component is there. Leaving it lets go of the microphone. */
export function useMicrophone(onRefused: (why: string) => void) {
  const [level, setLevel] = useState(0);
  const [isMuted, setMuted] = useState(false);
  const muted = useRef(false);
  muted.current = isMuted;
  const refused = useRef(onRefused);
  refused.current = onRefused;
  useEffect(() => {
    let microphone: Microphone | null = null;
    let isGone = false;
    const send = (frame: Uint8Array<ArrayBuffer>) => {
      if (!muted.current) sendSound(frame);
    };
    openMicrophone(send, setLevel)
      .then((opened) => {
        if (isGone) opened.stop();
        else microphone = opened;
      })
      .catch((why: unknown) => refused.current(inWords(why)));
    return () => {
      isGone = true;
      microphone?.stop();
    };
  }, []);
  return { level, isMuted, setMuted };
}

function inWords(why: unknown): string {
  const name = why instanceof DOMException ? why.name : "";
  if (name === "NotAllowedError") return "The browser does not let this page use the microphone.";
  if (name === "NotFoundError") return "No microphone was found.";
  return "The microphone could not be opened.";
}
