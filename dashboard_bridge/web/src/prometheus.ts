// The text format in which the server counts (`GET /metrics`), as far as a table of it needs.

export interface Sample {
  name: string;
  labels: string;
  value: string;
  help: string;
}

/** Single values; the buckets of histograms are left to those who draw them. */
export function readMetrics(text: string): Sample[] {
  const help = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const told = /^# HELP (\S+) (.*)$/.exec(line);
    if (told) help.set(told[1] as string, told[2] as string);
    const read = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!read || line.startsWith("#")) continue;
    const [, name = "", labels = "", value = ""] = read;
    if (name.endsWith("_bucket") || name.endsWith("_created")) continue;
    samples.push({
      name,
      labels: labels.replaceAll('"', "").replaceAll(",", ", "),
      value: shown(value),
      help: help.get(name) ?? "",
    });
  }
  return samples;
}

function shown(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) ? number.toLocaleString("en-GB", { maximumFractionDigits: 3 }) : value;
}
