/** The line, cut to 200 characters, without possible secrets such as a connection string's login or a key. */
export function withoutSecrets(line: string): string {
  return line
    .replace(/:\/\/[^@\s/]*@/g, "://(not shown)@")
    .replace(/[A-Za-z0-9+/_=-]{32,}/g, "(not shown)")
    .slice(0, 200);
}

/** The last line of a log that is not empty. */
export function lastLine(log: string): string {
  const line = log.split("\n").findLast((text) => text.trim() !== "");
  return withoutSecrets(line?.trim() ?? "none");
}
