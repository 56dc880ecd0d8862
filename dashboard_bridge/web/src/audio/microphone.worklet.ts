// Runs on the audio thread: the microphone's samples become telephone frames.

import { Resampler } from "./resample";

// The scope of an audio worklet; the DOM's types do not describe it.
declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

class Frames extends AudioWorkletProcessor {
  readonly #resampler = new Resampler(sampleRate);

  process(inputs: Float32Array[][]): boolean {
    const block = inputs[0]?.[0];
    if (block) this.#resampler.push(block, (frame) => this.port.postMessage(frame, [frame.buffer]));
    return true;
  }
}

registerProcessor("chairside-frames", Frames);
