// The operator's voice, as mu-law frames of 20 ms.

import worklet from "./microphone.worklet.ts?worker&url";
import { encode } from "./ulaw";

/** Before the voice, in a message of the socket. */
const VOICE = 0x10;
/** Telephones carry nothing above; without the filter it would come back as noise. */
const HIGHEST_HZ = 3400;

export interface Microphone {
  stop(): void;
}

/**
 * Ask for the microphone and send what it hears. `level` gets the loudness of each frame, 0 to 1.
 * Rejects with a DOMException when the person or the browser says no.
 */
export async function openMicrophone(
  send: (frame: Uint8Array<ArrayBuffer>) => void,
  level: (loudness: number) => void,
): Promise<Microphone> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const context = new AudioContext({ latencyHint: "interactive" });
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    void context.close();
  };
  try {
    await context.audioWorklet.addModule(worklet);
  } catch (why) {
    stop();
    throw why;
  }
  const frames = new AudioWorkletNode(context, "chairside-frames", { numberOfOutputs: 0 });
  frames.port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => {
    level(loudness(data));
    send(message(encode(data)));
  };
  // A Butterworth of fourth order; Q is in decibels here.
  const filters = [-5.34, 2.32].map(
    (Q) => new BiquadFilterNode(context, { type: "lowpass", frequency: HIGHEST_HZ, Q }),
  );
  const source = context.createMediaStreamSource(stream);
  [...filters, frames].reduce<AudioNode>((from, to) => from.connect(to), source);
  return { stop };
}

function message(ulaw: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ulaw.length + 1);
  bytes[0] = VOICE;
  bytes.set(ulaw, 1);
  return bytes;
}

/** Root mean square on a scale of 60 dB, where speech fills most of it. */
export function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return power === 0 ? 0 : Math.max(0, Math.min(1, 1 + (10 * Math.log10(power)) / 60));
}
