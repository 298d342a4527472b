/** The settings that a validated configuration yields, and what is rendered of them. */
import { describe, expect, it } from "tstyche";
import { type HtpasswdEntry, renderHtpasswd } from "../../render/htpasswd.ts";
import { mongoUri } from "../../render/mongoUri.ts";
import { type ReleaseFiles, releaseDigest } from "../../render/release.ts";
import { mintToken } from "../../render/token.ts";
import type { Access, ServiceSettings, Settings, UserSettings } from "../../settings/types.ts";

describe("access to a service", () => {
  it("is one of the known ways", () => {
    expect<Access>().type.toBe<"password" | "certificate" | "either" | "both">();
    expect<Access>().type.not.toBeAssignableFrom<"none">();
    expect<Access>().type.not.toBeAssignableFrom<"open">();
    expect<Access>().type.not.toBeAssignableFrom<string>();
    expect<Access>().type.not.toBeAssignableFrom<undefined>();
  });
});

describe("a service's settings", () => {
  const settings = {
    image: "kms:1",
    bind: { address: "127.0.0.1", port: 5012 },
    listen: 5002,
    access: "password" as const,
    config: { db_name: "x", debug: false, size: 1 },
  };

  it("bind it to an address and a port", () => {
    expect<ServiceSettings>().type.toBeAssignableFrom(settings);
    expect<ServiceSettings>().type.not.toBeAssignableFrom({ ...settings, bind: "127.0.0.1:5012" });
    expect<ServiceSettings>().type.not.toBeAssignableFrom({ ...settings, bind: { port: 5012 } });
  });

  it("say who is let in", () => {
    expect<ServiceSettings>().type.not.toBeAssignableFrom<Omit<typeof settings, "access">>();
  });

  it("can't be changed after they are checked", () => {
    expect<Settings["backend"]>().type.toBe<Readonly<ServiceSettings>>();
    expect<Settings["users"]>().type.toBe<readonly UserSettings[]>();
  });
});

describe("a user's settings", () => {
  it("have a password, or no such key; undefined is not allowed", () => {
    const least = { name: "a", generation: 1, retired: 0 };
    expect<UserSettings>().type.toBeAssignableFrom(least);
    expect<UserSettings>().type.toBeAssignableFrom({ ...least, password: "p" });
    expect<UserSettings>().type.not.toBeAssignableFrom({ ...least, password: undefined });
    expect<UserSettings>().type.not.toBeAssignableFrom({ name: "a", generation: 1 });
  });
});

describe("rendering", () => {
  it("hashes no password without a salt", () => {
    expect(renderHtpasswd).type.toBeCallableWith([{ name: "a", password: "p", salt: "s" }]);
    expect(renderHtpasswd).type.not.toBeCallableWith([{ name: "a", password: "p" }]);
    expect(renderHtpasswd).type.not.toBeCallableWith([{ name: "a", salt: "s" }]);
    expect<HtpasswdEntry>().type.not.toBeAssignableFrom({
      name: "a",
      password: "p",
      salt: undefined,
    });
  });

  it("makes no connection string without a password", () => {
    const uri = { user: "u", host: "h", port: 27017, database: "d", authSource: "admin" };
    expect(mongoUri).type.toBeCallableWith({ ...uri, password: "p" });
    expect(mongoUri).type.not.toBeCallableWith(uri);
  });

  it("makes no token without a key, and takes no issue time", () => {
    const token = { subject: "a", tokenId: "a-1" };
    expect(mintToken).type.toBeCallableWith({ ...token, key: "k", issuedAt: 0 });
    expect(mintToken).type.not.toBeCallableWith({ ...token, issuedAt: 0 });
    expect(mintToken).type.not.toBeCallableWith({ ...token, key: "k" });
  });

  it("releases no file without its permissions", () => {
    expect(releaseDigest).type.toBeCallableWith({ a: { content: "x", mode: 0o400 } });
    expect(releaseDigest).type.not.toBeCallableWith({ a: { content: "x" } });
    expect<ReleaseFiles[string]>().type.not.toBeAssignableFrom({ content: "x", mode: "0400" });
  });
});
