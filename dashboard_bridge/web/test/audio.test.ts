import { describe, expect, it } from "vitest";
import { BUFFER_S, Jitter } from "../src/audio/jitter";
import { loudness } from "../src/audio/microphone";
import { FRAME_SAMPLES, Resampler } from "../src/audio/resample";
import { decode, encode } from "../src/audio/ulaw";

/** Linear 16-bit samples and their mu-law bytes, as the reference tables of G.711 have them. */
const PAIRS: [number, number][] = [
  [0, 255],
  [7, 254],
  [8, 254],
  [-8, 126],
  [100, 242],
  [-100, 114],
  [1000, 206],
  [-1000, 78],
  [4096, 175],
  [-4097, 47],
  [12345, 151],
  [-23456, 8],
  [30000, 130],
  [32635, 128],
  [32767, 128],
  [-32768, 0],
];
const DECODED: [number, number][] = [
  [0, -32124],
  [1, -31100],
  [15, -16764],
  [16, -15996],
  [85, -716],
  [126, -8],
  [128, 32124],
  [170, 5372],
  [254, 8],
  [255, 0],
];

describe("mu-law", () => {
  it.each(PAIRS)("encodes %i as %i", (sample, byte) => {
    expect(encode(Float32Array.of(sample / 32_768))[0]).toBe(byte);
  });

  it.each(DECODED)("decodes %i as %i", (byte, sample) => {
    expect((decode(Uint8Array.of(byte))[0] as number) * 32_768).toBe(sample);
  });

  it("brings every byte back", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const negativeZero = 0x7f; // two bytes mean silence; it comes back as the other
    expect([...encode(decode(bytes))]).toEqual([...bytes].map((byte) => (byte === negativeZero ? 0xff : byte)));
  });

  it("clips what is too loud", () => {
    expect([...encode(Float32Array.of(4, -4))]).toEqual([0x80, 0x00]);
  });
});

describe("the way from the microphone", () => {
  it.each([44_100, 48_000, 16_000, 8_000])("gives 50 frames a second from %i Hz", (rate) => {
    const frames: Float32Array[] = [];
    const resampler = new Resampler(rate);
    for (let at = 0; at < rate; at += 128)
      resampler.push(new Float32Array(Math.min(128, rate - at)), (one) => frames.push(one));
    expect(Math.abs(frames.length - 50)).toBeLessThanOrEqual(1);
    expect(frames.every((frame) => frame.length === FRAME_SAMPLES)).toBe(true);
  });

  it.each([44_100, 48_000])("keeps a tone, also across blocks of %i Hz", (rate) => {
    const tone = (hz: number, length: number) =>
      Float32Array.from({ length }, (_, at) => Math.sin((2 * Math.PI * 440 * at) / hz));
    const heard: number[] = [];
    const resampler = new Resampler(rate);
    const source = tone(rate, rate / 2);
    for (let at = 0; at < source.length; at += 128)
      resampler.push(source.subarray(at, at + 128), (one) => heard.push(...one));
    // The resampler is one source sample late.
    const expected = Float32Array.from({ length: heard.length }, (_, at) =>
      Math.sin(2 * Math.PI * 440 * (at / 8000 - 1 / rate)),
    );
    const off = heard.slice(1).map((sample, at) => Math.abs(sample - (expected[at + 1] as number)));
    expect(Math.max(...off)).toBeLessThan(0.01);
  });

  it("measures loudness between silence and full", () => {
    expect(loudness(new Float32Array(160))).toBe(0);
    expect(loudness(new Float32Array(160).fill(1))).toBe(1);
    expect(loudness(new Float32Array(160).fill(0.1))).toBeCloseTo(1 - 20 / 60);
  });
});

describe("the way to the loudspeaker", () => {
  it("plays frames one after the other, however unevenly they come", () => {
    const jitter = new Jitter();
    const came = [10, 10.09, 10.091, 10.06 + 0.04];
    expect(came.map((now, at) => jitter.place(5000 + at * 20, now)?.toFixed(3))).toEqual([
      "10.150",
      "10.170",
      "10.190",
      "10.210",
    ]);
  });

  it("leaves out a frame that came too late, and begins anew after a break", () => {
    const jitter = new Jitter();
    jitter.place(0, 10);
    expect(jitter.place(20, 10.2)).toBeNull();
    expect(jitter.place(40, 12)).toBeCloseTo(12 + BUFFER_S);
    expect(jitter.place(60, 12.02)).toBeCloseTo(12.02 + BUFFER_S);
  });

  it("does not run ahead after a burst", () => {
    const jitter = new Jitter();
    jitter.place(0, 10);
    expect(jitter.place(5000, 10.02)).toBeCloseTo(10.02 + BUFFER_S);
  });
});
