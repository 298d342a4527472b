/** Counts the lines of the proxy's access log, one by one, in as much memory as they need and no more. */
import { type Outcome, type Outcomes, OUTCOMES, type Traffic } from "../model.ts";

const MINUTES = 60;
const MINUTE_MS = 60_000;
/** Somebody who calls from everywhere must not fill the memory. */
const MOST_ADDRESSES = 10_000;
const SHOWN_ADDRESSES = 8;
/** Enough for a percentile. */
const MOST_TIMES = 100_000;
const OTHER = "other";

/** What is read of a line; `render/nginx.ts` writes it. */
interface Line {
  readonly time: string;
  readonly remote: string;
  readonly user: string;
  readonly door: string;
  readonly status: string;
  readonly seconds: number;
  readonly upstream_status: string;
}

type Counts = Record<Outcome, number>;

export class TrafficCount {
  readonly #start: number;
  readonly #known: ReadonlySet<string>;
  readonly #minutes: readonly Counts[] = Array.from({ length: MINUTES }, none);
  readonly #doors: ReadonlyMap<string, { outcomes: Counts; times: number[] }>;
  readonly #refusals = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  readonly #requestsBy = new Map<string, number>();
  #first: number | undefined;
  #last = 0;

  /**
   * @param doors By their names in the log.
   * @param callers Users and clients that the stack has. A name that somebody else claims may be a mistyped
   *   password, so it is not kept.
   */
  constructor(now: Date, doors: readonly string[], callers: readonly string[]) {
    this.#start = Math.floor(now.getTime() / MINUTE_MS) - (MINUTES - 1);
    this.#known = new Set(callers);
    this.#doors = new Map([...doors, OTHER].map((name) => [name, { outcomes: none(), times: [] }]));
  }

  add(text: string): void {
    const line = parse(text);
    const time = Date.parse(line?.time ?? "");
    const minute = this.#minutes[Math.floor(time / MINUTE_MS) - this.#start];
    if (line === undefined || minute === undefined) {
      return;
    }
    this.#first ??= time;
    this.#last = time;
    const outcome = outcomeOf(line);
    minute[outcome] += 1;
    const door = this.#doors.has(line.door) ? line.door : OTHER;
    const { outcomes, times } = this.#doors.get(door) ?? { outcomes: none(), times: [] };
    outcomes[outcome] += 1;
    if (outcome === "answered" && times.length < MOST_TIMES && Number.isFinite(line.seconds)) {
      times.push(line.seconds);
    }
    if (outcome === "refused") {
      increment(this.#refusals, `${door} ${line.status}`);
      const room = this.#addresses.has(line.remote) || this.#addresses.size < MOST_ADDRESSES;
      increment(this.#addresses, room ? line.remote : OTHER);
    } else if (this.#known.has(line.user)) {
      increment(this.#requestsBy, line.user);
    }
  }

  /** @param cut Whether the log has more than was read. */
  result(cut: boolean): Traffic {
    return {
      minutes: this.#minutes.map((outcomes, index) => ({
        start: new Date((this.#start + index) * MINUTE_MS),
        outcomes,
      })),
      doors: [...this.#doors]
        .filter(([name, { outcomes }]) => name !== OTHER || total(outcomes) > 0)
        .map(([name, { outcomes, times }]) => ({
          ...{ name, outcomes },
          ...{ median: percentile(times, 0.5), most: percentile(times, 0.95) },
        })),
      refusals: most(this.#refusals).map(([key, count]) => {
        const [door = "", status] = key.split(" ");
        return { door, status: Number(status), count };
      }),
      addresses: most(this.#addresses)
        .slice(0, SHOWN_ADDRESSES)
        .map(([address, refused]) => ({ address, refused })),
      requestsBy: Object.fromEntries(this.#requestsBy),
      cut: cut
        ? { from: new Date(this.#first ?? this.#start * MINUTE_MS), to: new Date(this.#last) }
        : undefined,
    };
  }
}

/** Undefined for a line that is none of the access log's. */
function parse(text: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === "object" && line !== null && "door" in line && "status" in line
      ? (line as Line)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Without an answer from behind it, the proxy itself has refused. */
function outcomeOf({ status, upstream_status }: Line): Outcome {
  const code = Number(status);
  if (code < 400) {
    return "answered";
  }
  const own = upstream_status === "";
  return code < 500 ? (own ? "refused" : "declined") : own && code === 503 ? "refused" : "failed";
}

export const total = (outcomes: Outcomes): number =>
  OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome], 0);

const none = (): Counts => ({ answered: 0, declined: 0, refused: 0, failed: 0 });

const increment = (counts: Map<string, number>, key: string) =>
  void counts.set(key, (counts.get(key) ?? 0) + 1);

const most = (counts: ReadonlyMap<string, number>) =>
  [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));

function percentile(times: readonly number[], share: number): number | undefined {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
