/** Programs that the tests of clients need and no other: what is missing is installed, and said so. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { aptInstall } from "../../../machine/engine/apt.ts";

/** Debian's packages, by the program that each is needed for. */
const PACKAGES = {
  chromium: "chromium",
  certutil: "libnss3-tools",
  pk12util: "libnss3-tools",
  openssl: "openssl",
  curl: "curl",
  faketime: "faketime",
  // With the compiler: Java runs a source file.
  javac: "default-jdk-headless",
  keytool: "default-jdk-headless",
} as const;

/** Installs the packages of those programs that are not there. */
export async function needPrograms(...programs: (keyof typeof PACKAGES)[]): Promise<void> {
  await install(
    programs.filter((name) => !isOnPath(name)),
    programs.filter((name) => !isOnPath(name)).map((name) => PACKAGES[name]),
  );
}

/** A Python that has requests: the one on PATH, or the system's with Debian's package. */
export async function pythonWithRequests(): Promise<string> {
  const has = (python: string) => spawnSync(python, ["-c", "import requests"]).status === 0;
  const found = ["python3", "/usr/bin/python3"].find(has);
  if (found === undefined) {
    await install(["requests of Python"], ["python3-requests"]);
  }
  return found ?? "/usr/bin/python3";
}

function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function install(missing: readonly string[], packages: readonly string[]): Promise<void> {
  if (missing.length === 0) {
    return;
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      `these tests need ${missing.join(", ")}: install ${[...new Set(packages)].join(", ")}`,
    );
  }
  await aptInstall([...new Set(packages)], `these tests run ${missing.join(", ")}`);
}
