/** Pulumi hands over maps and lists as JSON, and everything else as bare text. */
export function fromPulumi(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) {
    return text;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
