/** Prometheus' text format (version 0.0.4). */

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge; sorted, so that the same samples give the same text, and nothing for none. */
export function gauge(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(
    ({ labels, value }) =>
      `${name}{${Object.entries(labels)
        .map(([label, text]) => `${label}="${escaped(text)}"`)
        .join(",")}} ${value}\n`,
  );
  return lines.length === 0
    ? ""
    : [`# HELP ${name} ${help}\n# TYPE ${name} gauge\n`, ...lines.sort()].join("");
}

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
