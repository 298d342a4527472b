/** Mistakes that show only across keys. Each check takes what parses, and leaves the rest to the schema. */
import { certificateDays } from "./certificates.ts";
import { Fault, type Parser } from "./fault.ts";
import type { Finding } from "./finding.ts";
import { clashes, listenersIn } from "./listeners.ts";
import { parseUserName } from "./names.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import type { RawConfig } from "./rawConfig.ts";
import { parseBigNumber, parseBoolean, wholeNumber } from "./scalars.ts";
import { backendKeys, kmsKeys, type ServiceKeys } from "./services.ts";
import { isPulumiCloud, parseBackend } from "./state.ts";

/** All mistakes across keys. */
export function inconsistencies(raw: RawConfig): Finding[] {
  return [
    ...clashingListeners(raw.values),
    ...kapowWithoutWay(raw.values),
    ...duplicateNames(raw.values, "users", "A user"),
    ...duplicateNames(raw.values, "clients", "A client"),
    ...almostUsers(raw.values),
    ...keysMadeTwice(raw.values),
    ...plainUserPasswords(raw),
    ...certificateTimes(raw.values),
    ...retiredAhead(raw.values),
    ...debugFlags(raw.values),
    ...encryptionRanges(raw.values),
    ...cloudKeys(raw.values),
  ];
}

/** The value at a path, if there is one and it is right by itself. */
function parsed<T>(values: unknown, path: Path, parse: Parser<T>): T | undefined {
  const value = valueAt(values, path);
  const result = value === undefined ? undefined : parse(value);
  return result instanceof Fault ? undefined : result;
}

function clashingListeners(values: unknown): Finding[] {
  return clashes(listenersIn(values)).map(({ first, second }) => ({
    path: second.path,
    fault: new Fault(
      `Port ${second.port} is used twice: ${formatPath(first.path)} listens at it already.`,
      "Give one of the two another port.",
    ),
  }));
}

/** A Kapow! server needs a way in, of its own or at the proxy. */
function kapowWithoutWay(values: unknown): Finding[] {
  const kapow = valueAt(values, ["kapow"]);
  const isMap = typeof kapow === "object" && kapow !== null && !Array.isArray(kapow);
  return isMap && !("listen" in kapow) && !("door" in kapow)
    ? [
        {
          path: ["kapow", "door"],
          fault: new Fault(
            "Nobody could reach Kapow!: a door at the proxy is required, or a port of its own.",
            'Set it, for example to "listen: 5003"; or set cybexp:kapow.listen.',
          ),
        },
      ]
    : [];
}

type People = "users" | "clients";

function peopleOf(values: unknown, list: People): unknown[] {
  const people = valueAt(values, [list]);
  // A list may have holes, which map would leave as they are.
  return Array.isArray(people) ? Array.from(people as unknown[]) : [];
}

function namesOf(values: unknown, list: People): (string | undefined)[] {
  return peopleOf(values, list).map((_, index) =>
    parsed(values, [list, index, "name"], parseUserName),
  );
}

function duplicateNames(values: unknown, list: People, who: string): Finding[] {
  // Nginx's maps don't tell upper from lower case.
  const names = namesOf(values, list).map((name) => name?.toLowerCase());
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    return name === undefined || first === index
      ? []
      : [
          {
            path: [list, index, "name"],
            fault: new Fault(
              `${who} is listed once; ${formatPath([list, first])} has this name already (case does not count).`,
              "Remove one of the two, or give it another name.",
            ),
          },
        ];
  });
}

/** A user and a client of one name are one caller to the services: it must be the very name. */
function almostUsers(values: unknown): Finding[] {
  const users = namesOf(values, "users");
  return namesOf(values, "clients").flatMap((name, index) => {
    const like = users.findIndex((user) => user?.toLowerCase() === name?.toLowerCase());
    const user = users[like];
    return name === undefined || user === undefined || user === name
      ? []
      : [
          {
            path: ["clients", index, "name"],
            fault: new Fault(
              `It differs from the name of ${formatPath(["users", like])} in case only.`,
              `Write ${user} if it is the same caller to the services, else another name.`,
            ),
          },
        ];
  });
}

function keysMadeTwice(values: unknown): Finding[] {
  return peopleOf(values, "clients").flatMap((_, index) => {
    const path = ["clients", index, "keyType"];
    return valueAt(values, path) === undefined ||
      valueAt(values, ["clients", index, "csr"]) === undefined
      ? []
      : [
          {
            path,
            fault: new Fault(
              "The key of this client is the one of its request (csr); none is made here.",
              "Remove one of the two.",
            ),
          },
        ];
  });
}

function plainUserPasswords({ values, secretKeys, plainPasswords = [] }: RawConfig): Finding[] {
  return peopleOf(values, "users").flatMap((_, index) => {
    const path: Path = ["users", index, "password"];
    const given = ["string", "number"].includes(typeof valueAt(values, path));
    const plain = !secretKeys.has("users") || plainPasswords.includes(formatPath(path));
    return !given || !plain
      ? []
      : [
          {
            path,
            fault: new Fault(
              "The password stands in clear in the stack's configuration; it must be a secret there.",
              `Store a new one by: pulumi config set --secret --path 'users[${index}].password'`,
            ),
          },
        ];
  });
}

function certificateTimes(values: unknown): Finding[] {
  const days = (name: keyof typeof certificateDays) => {
    const path = ["certificates", name];
    const { least, most, fallback } = certificateDays[name];
    return valueAt(values, path) === undefined
      ? fallback
      : parsed(values, path, wholeNumber(least, most));
  };
  const renewal = days("renewBeforeDays");
  const ca = days("caValidityDays");
  const leaves = (["validityDays", "clientValidityDays"] as const)
    .flatMap((name) => {
      const validity = days(name);
      return validity === undefined ? [] : [{ name, validity }];
    })
    .sort((a, b) => a.validity - b.validity);
  const [shortest, longest] = [leaves.at(0), leaves.at(-1)];
  const findings: Finding[] = [];
  if (shortest !== undefined && renewal !== undefined && renewal >= shortest.validity) {
    findings.push({
      path: ["certificates", "renewBeforeDays"],
      fault: new Fault(
        `A certificate valid for ${shortest.validity} days and renewed ${renewal} days before its end is renewed by every up.`,
        `Set renewBeforeDays to less than ${shortest.name}; a third of it is usual.`,
      ),
    });
  }
  if (longest !== undefined && ca !== undefined && ca <= longest.validity) {
    findings.push({
      path: ["certificates", "caValidityDays"],
      fault: new Fault(
        `The authority is valid for ${ca} days, a certificate that it signs for ${longest.validity}.`,
        `Set caValidityDays to more than ${longest.name}.`,
      ),
    });
  }
  return findings;
}

/** What is in use can't be retired. */
function retiredAhead(values: unknown): Finding[] {
  const pairs: [current: Path, retired: Path][] = [
    ...(["users", "clients"] as const).flatMap((list) =>
      peopleOf(values, list).map((_, index): [Path, Path] => [
        [list, index, "generation"],
        [list, index, "retired"],
      ]),
    ),
    ...["serverCa", "clientCa"].map((name): [Path, Path] => [
      ["rotation", name],
      ["rotation", `${name}Retired`],
    ]),
  ];
  return pairs.flatMap(([current, retired]) => {
    const whole = wholeNumber(0, Number.MAX_SAFE_INTEGER);
    const inUse = valueAt(values, current) === undefined ? 1 : parsed(values, current, whole);
    const upTo = parsed(values, retired, whole);
    return inUse === undefined || upTo === undefined || upTo < inUse
      ? []
      : [
          {
            path: retired,
            fault: new Fault(
              `Number ${inUse} is in use (${formatPath(current)}) and would be retired.`,
              `Set it to at most ${inUse - 1}.`,
            ),
          },
        ];
  });
}

function debugFlags(values: unknown): Finding[] {
  const throwaway = valueAt(values, ["throwaway"]);
  if (throwaway !== undefined && parseBoolean(throwaway) !== false) {
    return []; // Allowed, or unreadable and reported as such.
  }
  const services: Record<string, ServiceKeys> = { kms: kmsKeys, backend: backendKeys };
  return Object.entries(services)
    .flatMap(([service, keys]) =>
      Object.keys(keys)
        .filter((name) => keys[name]?.debug)
        .map((name) => [service, "config", name]),
    )
    .filter((path) => parsed(values, path, parseBoolean) === true)
    .map((path) => ({
      path,
      fault: new Fault(
        "A debug flag puts people's data into the log: only throw-away stacks may set it.",
        "Remove it; or, in a stack whose data may go, set cybexp:throwaway to true.",
      ),
    }));
}

function encryptionRanges(values: unknown): Finding[] {
  const bound = (name: "OPE_IN_MIN" | "OPE_IN_MAX" | "OPE_OUT_MIN" | "OPE_OUT_MAX") => {
    const path = ["kms", "config", name];
    const given = valueAt(values, path) !== undefined;
    const value = given ? parsed(values, path, parseBigNumber) : kmsKeys[name].fallback;
    return value === undefined ? undefined : BigInt(value);
  };
  const [inMin, inMax] = [bound("OPE_IN_MIN"), bound("OPE_IN_MAX")];
  const [outMin, outMax] = [bound("OPE_OUT_MIN"), bound("OPE_OUT_MAX")];
  if (inMin === undefined || inMax === undefined || outMin === undefined || outMax === undefined) {
    return [];
  }
  const findings: Finding[] = [];
  const refuse = (name: string, reason: string, remedy: string) =>
    findings.push({ path: ["kms", "config", name], fault: new Fault(reason, remedy) });
  if (inMin >= inMax) {
    refuse("OPE_IN_MAX", "OPE_IN_MAX is not above OPE_IN_MIN.", "Set it above OPE_IN_MIN.");
  }
  if (outMin >= outMax) {
    refuse("OPE_OUT_MAX", "OPE_OUT_MAX is not above OPE_OUT_MIN.", "Set it above OPE_OUT_MIN.");
  } else if (inMin < inMax && outMax - outMin < inMax - inMin) {
    refuse(
      "OPE_OUT_MAX",
      "The numbers from OPE_OUT_MIN to OPE_OUT_MAX are fewer than those from OPE_IN_MIN to OPE_IN_MAX.",
      "Widen the output range, or narrow the input range.",
    );
  }
  return findings;
}

/** Pulumi takes `default` for a passphrase anywhere else, which may not be what was meant. */
function cloudKeys(values: unknown): Finding[] {
  const backend = parsed(values, ["state", "backend"], parseBackend);
  const path = ["state", "secretsProvider"];
  return valueAt(values, path) !== "default" || backend === undefined || isPulumiCloud(backend)
    ? []
    : [
        {
          path,
          fault: new Fault(
            "These are Pulumi Cloud's own keys, and the state is kept elsewhere.",
            "Write passphrase, or the URL of a key in a key service.",
          ),
        },
      ];
}
