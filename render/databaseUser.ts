/** The names of the users that a service has in its database, one for each generation of its password. */

/** Such as `KMS_db-2`: a service is on one of two while it is switched over. */
export function databaseUser(database: string, generation: number): string {
  return `${database}-${generation}`;
}

/**
 * Of all users those that an earlier (or, after a state was put back, a later) generation left behind.
 * Anybody else's, such as one for backups, are none of ours.
 */
export function retiredUsers(names: readonly string[], inUse: string): string[] {
  const [, prefix] = /^(.*-)\d+$/.exec(inUse) ?? [];
  return names.filter(
    (name) =>
      prefix !== undefined &&
      name !== inUse &&
      name.startsWith(prefix) &&
      /^[1-9]\d*$/.test(name.slice(prefix.length)),
  );
}
