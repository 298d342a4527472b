const BUSY =
  /Cannot update container ([0-9a-f]{12})[0-9a-f]*: .*(runc did not terminate|resource busy)/s;

/**
 * Explains a failed update of a container's limits: with cgroups version 1, the engine refuses a memory
 * limit below the memory in use. Any other text stays as it is.
 */
export function explainUpdate(text: string): string {
  const [, id] = BUSY.exec(text) ?? [];
  return id === undefined
    ? text
    : `the engine refuses the new limits, because more memory is in use than they allow: \`docker restart ${id}\` frees it`;
}
