// Plays a call that is listened to: caller, agent and operator, each frame at its place.

import { Jitter } from "./jitter";
import { decode, RATE } from "./ulaw";

/** 1 byte side, 4 bytes big-endian milliseconds since the call began. */
const HEAD_BYTES = 5;

/** Must be made by a press of a key or button, or browsers keep it silent. */
export class Player {
  readonly #context = new AudioContext({ latencyHint: "interactive" });
  readonly #clocks = new Map<number, Jitter>();

  /** Queue one binary message of the socket. */
  play(message: ArrayBuffer): void {
    if (message.byteLength <= HEAD_BYTES) return;
    const head = new DataView(message);
    const at = this.#clock(head.getUint8(0)).place(head.getUint32(1), this.#context.currentTime);
    if (at === null) return;
    const samples = decode(new Uint8Array(message, HEAD_BYTES));
    const buffer = this.#context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.start(at);
  }

  async close(): Promise<void> {
    await this.#context.close();
  }

  #clock(side: number): Jitter {
    const clock = this.#clocks.get(side) ?? new Jitter();
    this.#clocks.set(side, clock);
    return clock;
  }
}
