/** Mistakes that show only across keys. Each check looks at what parses; the schema reports the rest. */
import { acmeFaults } from "./acmeChecks.ts";
import { type Finding, finding } from "./fault.ts";
import { isLoopback } from "./addresses.ts";
import { databaseFaults } from "./databaseFaults.ts";
import { LONGEST_WAIT, longestWait } from "./guesses.ts";
import { clashes, listenersIn } from "./listeners.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import { backendKeys, collectorDebugKeys, kmsKeys, type ServiceKeys } from "./services.ts";
import { isPulumiCloud } from "./state.ts";
import { suppliedFaults } from "./suppliedCertificates.ts";
import type { PartialSettings } from "./types.ts";

/** All mistakes across keys. @param values The raw values, for checks of what was actually set. */
export function inconsistencies(settings: PartialSettings, values: unknown): Finding[] {
  return [
    ...clashingListeners(settings),
    ...kapowWithoutWay(settings),
    ...collectorFaults(settings),
    ...namesTwice(settings),
    ...duplicateNames(settings, "users", "A user"),
    ...duplicateNames(settings, "clients", "A client"),
    ...almostUsers(settings),
    ...usersWithAuthority(settings),
    ...attributesTwice(settings),
    ...keysMadeTwice(settings, values),
    ...longWaits(settings),
    ...certificateTimes(settings),
    ...acmeFaults(settings),
    ...suppliedFaults(settings, new Date()),
    ...retiredAhead(settings),
    ...databaseFaults(settings, values),
    ...debugFlags(settings),
    ...encryptionRanges(settings),
    ...cloudKeys(settings),
    ...backupKeysTwice(settings),
  ];
}

function clashingListeners(settings: PartialSettings): Finding[] {
  return clashes(listenersIn(settings)).map(({ first, second }) =>
    finding(
      second.path,
      `Port ${second.port} is used twice: ${formatPath(first.path)} already listens on it.`,
      "Give one of the two another port.",
    ),
  );
}

/** A Kapow! server needs a way in, of its own or at the proxy. */
function kapowWithoutWay({ kapow }: PartialSettings): Finding[] {
  return kapow === undefined || "listen" in kapow || "door" in kapow
    ? []
    : [
        finding(
          ["kapow", "door"],
          "Nobody could reach Kapow!: it needs a door at the proxy or a port of its own.",
          'Set it, for example to "listen: 5003", or set cybexp:kapow.listen.',
        ),
      ];
}

/** A wrong password that waits keeps a worker of an earlier release from its end. */
function longWaits({ proxy }: PartialSettings): Finding[] {
  const { perMinute, burst } = proxy?.guesses ?? {};
  if (perMinute === undefined || burst === undefined) {
    return [];
  }
  const wait = longestWait({ perMinute, burst });
  return wait <= LONGEST_WAIT
    ? []
    : [
        finding(
          ["proxy", "guesses", "burst"],
          `The last of ${burst} wrong passwords would wait ${Math.ceil(wait)} s at ${perMinute} a minute, which is longer than ${LONGEST_WAIT} s.`,
          `Lower it to ${perMinute}, or raise cybexp:proxy.guesses.perMinute.`,
        ),
      ];
}

/** Each collector calls both services with the password of a user. */
function collectorFaults({ collector = [], users, kms, backend }: PartialSettings): Finding[] {
  const closed = Object.entries({ kms, backend }).flatMap(([name, service]) =>
    service?.access === "certificate" || service?.access === "both" ? [{ name, ...service }] : [],
  );
  const names = collector.map((entry) => entry?.name);
  return collector.flatMap((entry, index) => {
    const { name, user, bind, expose } = entry ?? {};
    const at = (key: string, reason: string, remedy: string) =>
      finding(["collector", index, key], reason, remedy);
    const first = names.indexOf(name);
    const isUser = users === undefined || users.some((known) => known?.name === user);
    return [
      ...(name === undefined || first === index
        ? []
        : [
            at(
              "name",
              `${formatPath(["collector", first])} already has this name.`,
              "Give each collector a name of its own.",
            ),
          ]),
      ...(user === undefined || isUser
        ? []
        : [
            at(
              "user",
              "There is no such user in cybexp:users.",
              "Add the user there, or name another one.",
            ),
          ]),
      ...(bind?.address === undefined || isLoopback(bind.address) || expose !== false
        ? []
        : [
            at(
              "bind",
              "This address is not loopback: whoever reaches it could add records, and read them on the way, because nothing there is encrypted.",
              "Write a loopback address, for example 127.0.0.1:6000, or set expose: true if a firewall lets only the shippers through.",
            ),
          ]),
      ...closed.map(({ name: service, access }) =>
        at(
          "user",
          `The collector can only send a password, but cybexp:${service}.access is ${access}.`,
          `Set cybexp:${service}.access to password or either.`,
        ),
      ),
    ];
  });
}

/** Names that a door already has. */
function namesTwice({ proxy, kapow }: PartialSettings): Finding[] {
  return Object.entries({ proxy, kapow }).flatMap(([key, part]) => {
    const names = [part?.serverName, ...(part?.serverNames ?? [])];
    return names.flatMap((name, index) =>
      name === undefined || names.indexOf(name) === index
        ? []
        : [
            finding(
              [key, "serverNames", index - 1],
              `${name} is already one of the names.`,
              "List it once.",
            ),
          ],
    );
  });
}

type People = "users" | "clients";

const namesOf = (settings: PartialSettings, list: People) =>
  (settings[list] ?? []).map((person) => person?.name);

function duplicateNames(settings: PartialSettings, list: People, who: string): Finding[] {
  // Nginx's maps ignore case.
  const names = namesOf(settings, list).map((name) => name?.toLowerCase());
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    return name === undefined || first === index
      ? []
      : [
          finding(
            [list, index, "name"],
            `${who} can be listed only once: ${formatPath([list, first])} already has this name (case is ignored).`,
            "Remove one of the two, or give it another name.",
          ),
        ];
  });
}

/** To the services, a user and a client with the same name are one caller, so case must match too. */
function almostUsers(settings: PartialSettings): Finding[] {
  const users = namesOf(settings, "users");
  return namesOf(settings, "clients").flatMap((name, index) => {
    const like = users.findIndex((user) => user?.toLowerCase() === name?.toLowerCase());
    const user = users[like];
    return name === undefined || user === undefined || user === name
      ? []
      : [
          finding(
            ["clients", index, "name"],
            `It differs from the name of ${formatPath(["users", like])} only in case.`,
            `Write ${user} if the two are the same caller; otherwise choose another name.`,
          ),
        ];
  });
}

/** A user's token would be the administrator's. */
function usersWithAuthority(settings: PartialSettings): Finding[] {
  const name = settings.kms?.administrator?.name;
  return namesOf(settings, "users").flatMap((user, index) =>
    user === undefined || user.toLowerCase() !== name?.toLowerCase()
      ? []
      : [
          finding(
            ["users", index, "name"],
            "This is the name of the KMS's administrator (cybexp:kms.administrator.name), so the user's modules would get an administrator's token.",
            "Give one of the two another name.",
          ),
        ],
  );
}

function attributesTwice({ users = [] }: PartialSettings): Finding[] {
  return users.flatMap((user, index) => {
    const all = user?.attributes ?? [];
    return all.flatMap((attribute, at) =>
      attribute === undefined || all.indexOf(attribute) === at
        ? []
        : [
            finding(
              ["users", index, "attributes", at],
              `${attribute} is already one of the user's attributes (the KMS ignores case).`,
              "List it once.",
            ),
          ],
    );
  });
}

function keysMadeTwice({ clients = [] }: PartialSettings, values: unknown): Finding[] {
  const isGiven = (path: Path) => valueAt(values, path) !== undefined;
  return clients.flatMap((_, index) => {
    const path = ["clients", index, "keyType"];
    return isGiven(path) && isGiven(["clients", index, "csr"])
      ? [
          finding(
            path,
            "This client has the key of its request (csr), so the stack makes none.",
            "Remove one of the two.",
          ),
        ]
      : [];
  });
}

function certificateTimes({ certificates = {} }: PartialSettings): Finding[] {
  const { renewBeforeDays: renewal, caValidityDays: ca } = certificates;
  const leaves = (["validityDays", "clientValidityDays"] as const)
    .flatMap((name) => {
      const validity = certificates[name];
      return validity === undefined ? [] : [{ name, validity }];
    })
    .sort((a, b) => a.validity - b.validity);
  const [shortest, longest] = [leaves.at(0), leaves.at(-1)];
  const findings: Finding[] = [];
  if (shortest !== undefined && renewal !== undefined && renewal >= shortest.validity) {
    findings.push(
      finding(
        ["certificates", "renewBeforeDays"],
        `A certificate valid for ${shortest.validity} days and renewed ${renewal} days before it expires would be renewed by every up.`,
        `Set renewBeforeDays to less than ${shortest.name}; a third of it is usual.`,
      ),
    );
  }
  if (longest !== undefined && ca !== undefined && ca <= longest.validity) {
    findings.push(
      finding(
        ["certificates", "caValidityDays"],
        `The authority is valid for ${ca} days, but a certificate that it signs for ${longest.validity}.`,
        `Set caValidityDays to more than ${longest.name}.`,
      ),
    );
  }
  return findings;
}

/** Secrets in use that would be retired. */
function retiredAhead({ users = [], clients = [], rotation = {} }: PartialSettings): Finding[] {
  const ahead = (current: Path, inUse: number | undefined, retired: Path, upTo?: number) =>
    inUse === undefined || upTo === undefined || upTo < inUse
      ? []
      : [
          finding(
            retired,
            `Number ${inUse} is in use (${formatPath(current)}) and would be retired.`,
            `Set it to at most ${inUse - 1}.`,
          ),
        ];
  return [
    ...Object.entries({ users, clients }).flatMap(([list, people]) =>
      people.flatMap((person, index) =>
        ahead(
          [list, index, "generation"],
          person?.generation,
          [list, index, "retired"],
          person?.retired,
        ),
      ),
    ),
    ...(["serverCa", "clientCa"] as const).flatMap((name) =>
      ahead(
        ["rotation", name],
        rotation[name],
        ["rotation", `${name}Retired`],
        rotation[`${name}Retired`],
      ),
    ),
  ];
}

function debugFlags({ throwaway, kms, backend, collector = [] }: PartialSettings): Finding[] {
  if (throwaway !== false) {
    return []; // Allowed, or unreadable and reported as such.
  }
  const services: { path: Path; config: object | undefined; keys: ServiceKeys }[] = [
    { path: ["kms", "config"], config: kms?.config, keys: kmsKeys },
    { path: ["backend", "config"], config: backend?.config, keys: backendKeys },
    ...collector.map((entry, index) => ({
      path: ["collector", index, "debug"],
      config: entry?.debug,
      keys: collectorDebugKeys,
    })),
  ];
  return services.flatMap(({ path, config = {}, keys }) =>
    Object.entries(config)
      .filter(([name, value]) => keys[name]?.debug && value === true)
      .map(([name]) =>
        finding(
          [...path, name],
          "A debug flag puts people's data into the log: only throw-away stacks may set it.",
          "Remove it. If the stack's data may be lost, set cybexp:throwaway to true instead.",
        ),
      ),
  );
}

function encryptionRanges({ kms }: PartialSettings): Finding[] {
  const config = kms?.config ?? {};
  const bound = (name: "OPE_IN_MIN" | "OPE_IN_MAX" | "OPE_OUT_MIN" | "OPE_OUT_MAX") => {
    const value = name in config ? config[name] : kmsKeys[name].fallback;
    return value === undefined ? undefined : BigInt(value);
  };
  const [inMin, inMax] = [bound("OPE_IN_MIN"), bound("OPE_IN_MAX")];
  const [outMin, outMax] = [bound("OPE_OUT_MIN"), bound("OPE_OUT_MAX")];
  if (inMin === undefined || inMax === undefined || outMin === undefined || outMax === undefined) {
    return [];
  }
  const findings: Finding[] = [];
  const refuse = (name: string, reason: string, remedy: string) =>
    findings.push(finding(["kms", "config", name], reason, remedy));
  if (inMin >= inMax) {
    refuse("OPE_IN_MAX", "OPE_IN_MAX is not above OPE_IN_MIN.", "Set it above OPE_IN_MIN.");
  }
  if (outMin >= outMax) {
    refuse("OPE_OUT_MAX", "OPE_OUT_MAX is not above OPE_OUT_MIN.", "Set it above OPE_OUT_MIN.");
  } else if (inMin < inMax && outMax - outMin < inMax - inMin) {
    refuse(
      "OPE_OUT_MAX",
      "The output range (OPE_OUT_MIN to OPE_OUT_MAX) is smaller than the input range (OPE_IN_MIN to OPE_IN_MAX).",
      "Widen the output range, or narrow the input range.",
    );
  }
  return findings;
}

/** With any other backend, Pulumi takes `default` to mean a passphrase, which may not be what was meant. */
function cloudKeys({ state: { backend, secretsProvider } = {} }: PartialSettings): Finding[] {
  return secretsProvider !== "default" || backend === undefined || isPulumiCloud(backend)
    ? []
    : [
        finding(
          ["state", "secretsProvider"],
          "These are Pulumi Cloud's own keys, but the state is kept elsewhere.",
          "Write passphrase, or the URL of a key in a key service.",
        ),
      ];
}

/** age encrypts either for recipients or with a passphrase. */
function backupKeysTwice({
  backup: { recipients = [], passphrase } = {},
}: PartialSettings): Finding[] {
  return passphrase === undefined || recipients.length === 0
    ? []
    : [
        finding(
          ["backup", "passphrase"],
          "A backup is encrypted either for recipients or with a passphrase.",
          "Remove one of the two.",
        ),
      ];
}
