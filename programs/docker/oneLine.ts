/** Cut to 200 characters and without what may be a secret: a connection string's login, a key. */
export function withoutSecrets(line: string): string {
  return line
    .replace(/:\/\/[^@\s/]*@/g, "://(not shown)@")
    .replace(/[A-Za-z0-9+/_=-]{32,}/g, "(not shown)")
    .slice(0, 200);
}

/** The last line of a log that says something. */
export function lastLine(log: string): string {
  const line = log.split("\n").findLast((text) => text.trim() !== "");
  return withoutSecrets(line?.trim() ?? "none");
}
