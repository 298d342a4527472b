/** Records that are sent at the pace of a slow line, many at the same time. */
import { randomBytes } from "node:crypto";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export interface SlowPost {
  readonly url: string;
  readonly ca: string;
  /** `user:password`. */
  readonly auth: string;
  readonly bytes: number;
  /** How long the body takes to send. */
  readonly seconds: number;
  /** Without a Content-Length. */
  readonly chunked?: boolean;
}

export interface Outcome {
  /** 0 where there was no answer. */
  readonly status: number;
  /** The answer's body, or what went wrong. */
  readonly text: string;
  readonly seconds: number;
}

/** In how many pieces a body is sent. */
const PIECES = 40;

/** Sends one record, and gives what came back. Never throws. */
export async function slowPost(post: SlowPost): Promise<Outcome> {
  const begin = performance.now();
  const after = () => (performance.now() - begin) / 1000;
  const body = randomBytes(post.bytes);
  return new Promise((resolve) => {
    const outgoing = request(
      post.url,
      {
        method: "POST",
        ca: post.ca,
        auth: post.auth,
        agent: false,
        headers: post.chunked
          ? { "Transfer-Encoding": "chunked" }
          : { "Content-Length": body.length },
      },
      (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        const done = () => resolve({ status: incoming.statusCode ?? 0, text, seconds: after() });
        incoming.on("end", done).on("error", done);
      },
    );
    outgoing.on("error", (error) => resolve({ status: 0, text: error.message, seconds: after() }));
    void trickle(body, post.seconds, (piece) => outgoing.write(piece)).then(() => outgoing.end());
  });
}

async function trickle(body: Buffer, seconds: number, write: (piece: Buffer) => void) {
  const size = Math.ceil(body.length / PIECES);
  for (let at = 0; at < body.length; at += size) {
    write(body.subarray(at, at + size));
    await sleep((seconds * 1000) / PIECES);
  }
}

/** The same `count` times at once. */
export function slowPosts(count: number, post: SlowPost): Promise<Outcome[]> {
  return Promise.all(Array.from({ length: count }, () => slowPost(post)));
}

/** How many records the demo's Backend has. */
export async function countRecords(
  call: (path: string, body: string) => Promise<{ readonly text: string }>,
): Promise<number> {
  return (JSON.parse((await call("/query", "{}")).text) as { count: number }).count;
}
