/** The table of contents: settings in, components, outputs. */
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { AcmeCertificates } from "./components/acmeCertificates.ts";
import { Backend } from "./components/backend.ts";
import { certificatesOutput, warnOf, warnOfEnds } from "./components/certificateEnds.ts";
import { configuredEngine } from "./components/configuredEngine.ts";
import { Deployment } from "./components/deployment.ts";
import { engineSize, stackLimits } from "./components/engineSize.ts";
import { ClientList } from "./components/clientList.ts";
import { Collector } from "./components/collector.ts";
import { Kapow } from "./components/kapow.ts";
import { keepVolumes } from "./components/keptVolumes.ts";
import { Kms } from "./components/kms.ts";
import { KmsAccounts } from "./components/kmsAccounts.ts";
import { KmsKeys } from "./components/kmsKeys.ts";
import { ModuleConfigs } from "./components/moduleConfigs.ts";
import { renewedEnds } from "./components/renewedEnds.ts";
import { RotatedAuthority } from "./components/rotatedAuthority.ts";
import { RotationGuard } from "./components/rotationGuard.ts";
import { SelfSignedClient } from "./components/selfSignedClient.ts";
import { serverCertificates } from "./components/serverCertificates.ts";
import { SmokeCheck } from "./components/smokeCheck.ts";
import { TlsProxy } from "./components/tlsProxy.ts";
import { UserList } from "./components/userList.ts";
import { collectorPart, CYBEXP } from "./names/docker.ts";
import { NAME } from "./names/resources.ts";
import { MAX_BODY } from "./settings/limits.ts";
import { loadSettings } from "./settings/load.ts";
import { overlaps } from "./settings/overlaps.ts";
import { renewedServers } from "./settings/renewedServers.ts";
import { furtherAuthorities } from "./settings/suppliedCertificates.ts";
import { kapowServerName, urlsOf } from "./settings/urls.ts";

const settings = loadSettings();

const guard = new RotationGuard(NAME.rotationGuard, { settings });

// Protected like the volumes that carry it: with another id, they would belong to another deployment.
const identity = new random.RandomId(
  NAME.deployment,
  { byteLength: 8 },
  { protect: !settings.throwaway },
);

const place = {
  prefix: CYBEXP,
  labels: CYBEXP,
  stack: pulumi.getStack(),
  // Everything in Docker carries it, so nothing there changes before the guard has passed.
  id: guard.after(identity.hex),
  engine: configuredEngine(),
};

const deployment = new Deployment(NAME.deployment, {
  ...place,
  throwaway: settings.throwaway,
  kept: await keepVolumes(NAME.kept, place, settings),
});

const limits = stackLimits(settings, engineSize(NAME.engineSize, deployment.engine));

const kms = new Kms(NAME.kms, {
  deployment,
  settings: settings.kms,
  database: settings.database,
  databaseGeneration: settings.rotation.kmsDatabase,
  doorImage: settings.proxy.image,
  jwtKeyGeneration: settings.rotation.kmsJwtKey,
  drainSeconds: settings.proxy.shutdownTimeout,
  limits,
});

const kmsKeys = new KmsKeys(NAME.kmsKeys, {
  deployment,
  kms,
  settings: settings.kms,
  lost: settings.lost,
});

const kmsAccounts = new KmsAccounts(NAME.kmsAccounts, {
  deployment,
  kms,
  after: kmsKeys,
  lost: settings.lost,
  administrator: settings.kms.administrator.name,
  users: settings.users,
  jwtKeyGeneration: settings.rotation.kmsJwtKey,
});

const backend = new Backend(NAME.backend, {
  deployment,
  settings: settings.backend,
  database: settings.database,
  databaseGeneration: settings.rotation.backendDatabase,
  doorImage: settings.proxy.image,
  drainSeconds: settings.proxy.shutdownTimeout,
  limits,
});

const serverAuthority = new RotatedAuthority(NAME.serverCa, {
  commonName: `CYBEX-P ${deployment.stack} server CA`,
  validityDays: settings.certificates.caValidityDays,
  generation: settings.rotation.serverCa,
  overlap: overlaps(settings.rotation.serverCa, settings.rotation.serverCaRetired),
});

const certificates = serverCertificates(settings, serverAuthority);

// In this order a program that takes only one, such as OpenSSL's x509, finds the stack's own.
const trusted = pulumi.concat(serverAuthority.bundle, ...furtherAuthorities(settings, new Date()));

const userList = new UserList(NAME.users, { users: settings.users });

const clientAuthority = new RotatedAuthority(NAME.clientCa, {
  commonName: `CYBEX-P ${deployment.stack} client CA`,
  validityDays: settings.certificates.caValidityDays,
  generation: settings.rotation.clientCa,
  overlap: overlaps(settings.rotation.clientCa, settings.rotation.clientCaRetired),
  vouched: false,
});

const clientList = new ClientList(NAME.clients, {
  authority: clientAuthority,
  clients: settings.clients,
  validityDays: settings.certificates.clientValidityDays,
  renewBeforeDays: settings.certificates.renewBeforeDays,
});

const kapow =
  settings.kapow &&
  certificates.kapow &&
  new Kapow(NAME.kapow, {
    deployment,
    settings: settings.kapow,
    serverName: kapowServerName(settings),
    serverCa: trusted,
    certificate: certificates.kapow,
    clientCa: clientAuthority.bundle,
    healthClient: new SelfSignedClient(NAME.kapowHealth),
    proxyClient: new SelfSignedClient(NAME.kapowProxy),
    limits,
  });

const ends = [
  ...certificates.proxy.ends,
  ...(kapow?.ends ?? []),
  ...serverAuthority.ends,
  ...clientAuthority.ends,
  ...clientList.ends,
];

warnOfEnds(ends, settings.certificates.warnDays);

const proxy = new TlsProxy(NAME.proxy, {
  deployment,
  settings: settings.proxy,
  certificate: certificates.proxy,
  users: userList,
  clients: clientList,
  ends,
  limits: limits.proxy,
  doors: [
    {
      name: "kms",
      listen: settings.kms.listen,
      service: kms.service,
      access: settings.kms.access,
      // A login or a user's attributes.
      maxBody: "64k",
      room: limits.doors.kms,
    },
    {
      name: "backend",
      listen: settings.backend.listen,
      service: backend.service,
      access: settings.backend.access,
      maxBody: `${MAX_BODY.backend}m`,
      room: limits.doors.backend,
    },
    ...(kapow?.doors ?? []),
  ],
});

const { source, acme } = settings.certificates;
const renewal =
  source === "acme" && acme !== undefined
    ? new AcmeCertificates(NAME.acme, {
        deployment,
        settings: acme,
        servers: renewedServers(settings, {
          proxy: proxy.certificateVolume,
          kapow: kapow?.certificateVolume,
        }),
        challenge: { address: settings.proxy.address, image: proxy.image },
        limits,
      })
    : undefined;

const urls = urlsOf(settings);

const collectors = settings.collector.map(
  (collector) =>
    new Collector(collectorPart(collector.name), {
      deployment,
      settings: collector,
      proxy,
      serverName: settings.proxy.serverName,
      kmsUrl: urls.kms,
      backendUrl: urls.backend,
      serverCa: trusted,
      users: userList,
      jwtKey: kms.jwtKey,
      jwtKeyGeneration: settings.rotation.kmsJwtKey,
      after: [kms, backend, proxy],
      overrides: settings.modules.config,
      limits,
    }),
);

const smoke = new SmokeCheck(NAME.smoke, {
  deployment,
  settings,
  serverCa: trusted,
  users: userList,
  clients: clientList,
  proxy,
  kms,
  backend,
  kapow,
  renewal,
  collectors,
});

const renewed = renewal && renewedEnds(ends, { deployment, renewal, after: smoke.result });
renewed?.apply((known) => warnOf(known, settings.certificates.warnDays));

const moduleConfigs = new ModuleConfigs(NAME.modules, {
  kmsUrl: urls.kms,
  backendUrl: urls.backend,
  users: userList,
  jwtKey: kms.jwtKey,
  jwtKeyGeneration: settings.rotation.kmsJwtKey,
  overrides: settings.modules.config,
});

/** The outputs. One that the stack doesn't have is left out, because Pulumi warns about undefined ones. */
export default {
  kmsUrl: urls.kms,
  backendUrl: urls.backend,
  ...(urls.kapow !== undefined && { kapowUrl: urls.kapow }),
  serverCa: trusted,
  ...(certificates.requests && { certificateRequests: certificates.requests }),
  clientCa: clientAuthority.bundle,
  clients: clientList.credentials,
  users: userList.credentials,
  moduleConfig: moduleConfigs.configs,
  administrator: kmsAccounts.administrator,
  kmsUsers: kmsAccounts.users,
  kmsKeys: kmsKeys.fingerprints,
  certificates: certificatesOutput(ends, renewed),
};
