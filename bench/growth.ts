/** Computes from measured times how something grows. */

/** How long something took, in ms, with a number of users and clients. */
export interface Point {
  readonly users: number;
  readonly clients: number;
  readonly ms: number;
}

export interface Growth {
  /** With no user and no client. */
  readonly baseMs: number;
  readonly msPerUser: number;
  readonly msPerClient: number;
  /** How much of the variation the three numbers explain. 1 means all of it: a straight line. */
  readonly r2: number;
}

/** The plane through the points, by least squares. It needs at least three points, not on one line. */
export function growth(points: readonly Point[]): Growth {
  const rows = points.map(({ users, clients }) => [1, users, clients]);
  const times = points.map(({ ms }) => ms);
  const [baseMs = NaN, msPerUser = NaN, msPerClient = NaN] = solve(
    [0, 1, 2].map((i) => [
      ...[0, 1, 2].map((j) => sum(rows.map((row) => (row[i] ?? 0) * (row[j] ?? 0)))),
      sum(rows.map((row, at) => (row[i] ?? 0) * (times[at] ?? 0))),
    ]),
  );
  const mean = sum(times) / times.length;
  const expected = points.map((p) => baseMs + msPerUser * p.users + msPerClient * p.clients);
  const left = sum(times.map((ms, at) => (ms - (expected[at] ?? 0)) ** 2));
  return {
    baseMs,
    msPerUser,
    msPerClient,
    r2: 1 - left / sum(times.map((ms) => (ms - mean) ** 2)),
  };
}

/** Solves by Gauss-Jordan elimination. The last number in each row is the right-hand side. */
function solve(matrix: readonly (readonly number[])[]): number[] {
  let rows = matrix.map((row) => [...row]);
  for (const [column] of matrix.entries()) {
    const rest = rows
      .slice(column)
      .sort((a, b) => Math.abs(b[column] ?? 0) - Math.abs(a[column] ?? 0));
    const [first = []] = rest;
    const pivot = first.map((value) => value / (first[column] ?? 1));
    rows = [...rows.slice(0, column), ...rest];
    rows = rows.map((row, at) =>
      at === column
        ? pivot
        : row.map((value, index) => value - (row[column] ?? 0) * (pivot[index] ?? 0)),
    );
  }
  return rows.map((row) => row.at(-1) ?? NaN);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
