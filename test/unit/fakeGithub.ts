import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** Whom a workflow's token writes as. */
export const US = "github-actions[bot]";

/** What the calls have to carry. */
export const TOKEN = "the-token";

/** A comment or an issue. */
interface Entry {
  id: number;
  number: number;
  title?: string;
  body: string | null;
  state: string;
  user: { login: string } | null;
  pull_request?: object;
}

/** As much of GitHub's API as the scripts use: comments of one pull request, and issues. */
export class FakeGithub {
  readonly entries: Entry[] = [];
  readonly calls: string[] = [];
  readonly #server = createServer((request, response) => {
    void (async () => {
      const { method = "", url = "", headers } = request;
      const body = (method === "GET" ? {} : await json(request)) as Partial<Entry>;
      const reply = (status: number, answer: unknown) =>
        response.writeHead(status).end(JSON.stringify(answer));
      const { pathname, searchParams } = new URL(url, "http://github.test");
      const [, path = ""] = /^\/repos\/owner\/name\/(.*)$/.exec(pathname) ?? [];
      if (headers.authorization !== `Bearer ${TOKEN}`) {
        return reply(401, {});
      }
      this.calls.push(`${method} ${path}`);
      if (method === "GET" && ["issues", "issues/7/comments"].includes(path)) {
        const size = Number(searchParams.get("per_page") ?? 30);
        const start = (Number(searchParams.get("page") ?? 1) - 1) * size;
        const open = this.entries.filter(({ state }) => state === "open");
        return reply(200, open.slice(start, start + size));
      }
      if (method === "POST" && ["issues", "issues/7/comments"].includes(path)) {
        return reply(201, this.add(US, body.body ?? null, body));
      }
      const [, number] = /^issues\/(?:comments\/)?(\d+)$/.exec(path) ?? [];
      const found = this.entries.find(({ id }) => id === Number(number));
      return method === "PATCH" && found
        ? reply(200, Object.assign(found, body))
        : reply(404, { message: "Not Found" });
    })();
  });

  static async start(): Promise<FakeGithub> {
    const fake = new FakeGithub();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  stop(): void {
    this.#server.close();
  }

  /** A comment or an issue that is there. */
  add(login: string, body: string | null, more: Partial<Entry> = {}): Entry {
    const id = this.entries.length + 1;
    const entry = { id, number: id, state: "open", user: { login }, ...more, body };
    this.entries.push(entry);
    return entry;
  }

  /** For GITHUB_API_URL. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
}
