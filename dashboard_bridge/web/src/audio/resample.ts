// From the microphone's rate to the telephone's, in frames of 20 ms.

export const FRAME_SAMPLES = 160;

/** Takes blocks at `from` Hz, gives whole frames at 8000 Hz. What is above 4 kHz must be filtered out before. */
export class Resampler {
  readonly #step: number;
  #position = 0;
  #last = 0;
  #frame = new Float32Array(FRAME_SAMPLES);
  #filled = 0;

  constructor(from: number) {
    this.#step = from / 8000;
  }

  push(block: Float32Array, give: (frame: Float32Array<ArrayBuffer>) => void): void {
    // Position 0 is the last sample of the block before; linear between neighbours.
    while (this.#position < block.length) {
      const left = Math.floor(this.#position);
      const before = left === 0 ? this.#last : (block[left - 1] as number);
      const after = block[left] as number;
      this.#put(before + (after - before) * (this.#position - left), give);
      this.#position += this.#step;
    }
    this.#position -= block.length;
    this.#last = block.at(-1) ?? this.#last;
  }

  #put(sample: number, give: (frame: Float32Array<ArrayBuffer>) => void): void {
    this.#frame[this.#filled++] = sample;
    if (this.#filled < FRAME_SAMPLES) return;
    give(this.#frame);
    this.#frame = new Float32Array(FRAME_SAMPLES);
    this.#filled = 0;
  }
}
