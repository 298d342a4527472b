/** A store that speaks as much of S3 as a state backend and rclone need, in memory, with path-style addresses. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface S3 {
  /** Where it listens, `host:port`. */
  readonly address: string;
  /** What is in it, by `bucket/key`. */
  readonly objects: Map<string, Buffer>;
  /** The access keys that requests were signed with. */
  readonly signers: ReadonlySet<string>;
  close(): void;
}

/** @param key The only access key that it lets in. @default everybody */
export async function startS3({ key }: { readonly key?: string } = {}): Promise<S3> {
  const objects = new Map<string, Buffer>();
  const signers = new Set<string>();
  const server = createServer((request, response) => {
    const signer = /Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "nobody";
    signers.add(signer);
    if (key !== undefined && signer !== key) {
      request.resume();
      response
        .writeHead(403, { "content-type": "application/xml" })
        .end(
          `<Error><Code>InvalidAccessKeyId</Code><Message>There is no such access key.</Message></Error>`,
        );
      return;
    }
    answer(objects, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    objects,
    signers,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  objects: Map<string, Buffer>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://s3");
  const name = decodeURIComponent(url.pathname.slice(1));
  const found = objects.get(name);
  const headers = (content: Buffer) => ({
    etag: `"${createHash("md5").update(content).digest("hex")}"`,
    "last-modified": new Date().toUTCString(),
    "content-length": content.length,
  });
  const xml = (body: string) =>
    response.writeHead(200, { "content-type": "application/xml" }).end(body);
  if (request.method === "GET" && url.searchParams.get("list-type") === "2") {
    xml(listing(objects, name.replace(/\/$/, ""), url.searchParams));
  } else if (request.method === "PUT") {
    const source = request.headers["x-amz-copy-source"];
    const body = await buffer(request);
    const content =
      typeof source === "string"
        ? objects.get(decodeURIComponent(source).replace(/^\//, ""))
        : body;
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (name.includes("/")) {
      objects.set(name, content);
    } // Otherwise it makes the bucket.
    const { etag } = headers(content);
    if (source === undefined) {
      response.writeHead(200, { etag }).end();
    } else {
      xml(`<CopyObjectResult><ETag>${etag}</ETag></CopyObjectResult>`);
    }
  } else if (request.method === "DELETE") {
    objects.delete(name);
    response.writeHead(204).end();
  } else if (found === undefined) {
    response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
  } else {
    response.writeHead(200, headers(found)).end(request.method === "HEAD" ? undefined : found);
  }
}

/** ListObjectsV2: the keys below a prefix, those with a delimiter in the rest folded into one. */
function listing(
  objects: ReadonlyMap<string, Buffer>,
  bucket: string,
  query: URLSearchParams,
): string {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const keys = [...objects.keys()]
    .filter((name) => name.startsWith(`${bucket}/${prefix}`))
    .map((name) => name.slice(bucket.length + 1))
    .sort();
  const cut = (key: string) => {
    const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    return end < 0 ? undefined : key.slice(0, end + delimiter.length);
  };
  const folders = [...new Set(keys.flatMap((key) => cut(key) ?? []))];
  const files = keys.filter((key) => cut(key) === undefined);
  return [
    `<ListBucketResult><Name>${bucket}</Name><Prefix>${prefix}</Prefix><IsTruncated>false</IsTruncated>`,
    ...files.map(
      (key) =>
        `<Contents><Key>${key}</Key><Size>${objects.get(`${bucket}/${key}`)?.length ?? 0}</Size><LastModified>${new Date().toISOString()}</LastModified><ETag>"x"</ETag></Contents>`,
    ),
    ...folders.map((folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`),
    "</ListBucketResult>",
  ].join("");
}
