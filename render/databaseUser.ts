/** The names of the users that a service has in its database, one for each generation of its password. */

/** Such as `KMS_db-2`. While a service is switched over, there are two. */
export function databaseUser(database: string, generation: number): string {
  return `${database}-${generation}`;
}

/**
 * Those of all users that an earlier generation left behind, or a later one if an old state was put back. Users
 * that somebody else made, such as one for backups, are not ours to touch.
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
