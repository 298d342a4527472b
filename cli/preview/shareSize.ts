/**
 * Divides a size among texts. Those that need little get it all, and the others share the rest evenly.
 *
 * @param needs The size of each text.
 * @param limit The size of all texts together.
 */
export function shareSize(needs: readonly number[], limit: number): number[] {
  const given = needs.map(() => 0);
  let left = Math.max(0, limit);
  let open = needs.map((_, index) => index);
  while (open.length > 0) {
    const share = Math.floor(left / open.length);
    const content = open.filter((index) => (needs[index] ?? 0) <= share);
    if (content.length === 0) {
      open.forEach((index) => (given[index] = share));
      break;
    }
    for (const index of content) {
      given[index] = needs[index] ?? 0;
      left -= given[index] ?? 0;
    }
    open = open.filter((index) => !content.includes(index));
  }
  return given;
}
