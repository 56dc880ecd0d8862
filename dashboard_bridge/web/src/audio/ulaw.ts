// ITU-T G.711 mu-law: eight bits a sample, 8000 samples a second.

export const RATE = 8000;
const BIAS = 0x84;
const CLIP = 32_635;

const DECODED = Float32Array.from({ length: 256 }, (_, byte) => expand(byte) / 32_768);

/** Samples from -1 to 1. */
export function decode(ulaw: Uint8Array): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(ulaw.length);
  for (let at = 0; at < ulaw.length; at++) samples[at] = DECODED[ulaw[at] as number] as number;
  return samples;
}

/** The nearest mu-law of samples from -1 to 1; what is louder is clipped. */
export function encode(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const ulaw = new Uint8Array(samples.length);
  for (let at = 0; at < samples.length; at++) ulaw[at] = compress(Math.round((samples[at] as number) * 32_768));
  return ulaw;
}

function expand(byte: number): number {
  const bits = ~byte & 0xff;
  const magnitude = (((bits & 0x0f) << 3) + BIAS) << ((bits & 0x70) >> 4);
  return bits & 0x80 ? BIAS - magnitude : magnitude - BIAS;
}

function compress(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 31 - Math.clz32(magnitude >> 7);
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}
