/** A corporate certificate authority for tests: certificates of all kinds, made by OpenSSL. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "cybexp-authority-"));
after(() => rmSync(folder, { recursive: true }));
export const file = (name: string) => join(folder, name);
export const read = (name: string) => readFileSync(file(name), "utf8");
export const openssl = (...args: string[]) =>
  execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });

export const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

export const AUTHORITY = ["basicConstraints=critical,CA:TRUE", "subjectKeyIdentifier=hash"];
/** The extensions of a server's certificate. @param names Such as DNS:cybexp.example.edu. */
export const server = (...names: string[]) => [
  `subjectAltName=${names.join(",")}`,
  "extendedKeyUsage=serverAuth",
  "basicConstraints=CA:FALSE",
];

interface Making {
  /** Who signs it. @default itself */
  readonly by?: string;
  readonly key?: readonly string[];
  readonly extensions: readonly string[];
  readonly dates?: readonly [string, string];
  readonly hash?: string;
}

/** Makes NAME.key and NAME.pem, signed by BY or by itself. */
export function make(name: string, { key = EC, ...making }: Making): void {
  const subject = `/O=Example/CN=${name}`;
  const out = ["-keyout", file(`${name}.key`), "-out", file(`${name}.csr`)];
  openssl("req", "-new", ...key, "-nodes", ...out, "-subj", subject);
  sign(name, making);
}

/** Makes NAME.pem of NAME.csr. */
export function sign(
  name: string,
  {
    by,
    extensions,
    dates = ["20200101000000Z", "20991231235959Z"],
    hash = "sha256",
  }: Omit<Making, "key">,
): void {
  writeFileSync(file("extensions"), extensions.join("\n"));
  writeFileSync(file("index.txt"), "");
  writeFileSync(file("serial"), "1001");
  writeFileSync(
    file("ca.cnf"),
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${file("index.txt")}\nserial=${file("serial")}\nnew_certs_dir=${folder}\n` +
      `rand_serial=yes\nunique_subject=no\npolicy=p\n[p]\ncommonName=supplied\norganizationName=optional\n`,
  );
  openssl(
    ...["ca", "-batch", "-notext", "-config", file("ca.cnf")],
    ...["-in", file(`${name}.csr`), "-out", file(`${name}.pem`)],
    ...["-md", hash, "-startdate", dates[0], "-enddate", dates[1], "-extfile", file("extensions")],
    ...(by === undefined ? ["-selfsign"] : ["-cert", file(`${by}.pem`)]),
    ...["-keyfile", file(`${by ?? name}.key`)],
  );
}
