/** Whether the previous generation of a secret is still valid beside the one in use. */
export function overlaps(generation: number, retired: number): boolean {
  return generation > 1 && retired < generation - 1;
}
