/** The types of resources, as they are in the state and in URNs. */

/** The stack itself; its outputs are the program's. */
export const STACK = "pulumi:pulumi:Stack";

// The providers'.
export const CONTAINER = "docker:index/container:Container";
export const IMAGE = "docker:index/remoteImage:RemoteImage";
export const NETWORK = "docker:index/network:Network";
export const VOLUME = "docker:index/volume:Volume";
export const COMMAND = "command:local:Command";
export const RANDOM_ID = "random:index/randomId:RandomId";
export const RANDOM_PASSWORD = "random:index/randomPassword:RandomPassword";
export const PRIVATE_KEY = "tls:index/privateKey:PrivateKey";
export const CERT_REQUEST = "tls:index/certRequest:CertRequest";
export const SELF_SIGNED_CERT = "tls:index/selfSignedCert:SelfSignedCert";
export const LOCALLY_SIGNED_CERT = "tls:index/locallySignedCert:LocallySignedCert";

/** Our components'. The state remembers them, so a change of a token needs an alias. */
export const COMPONENT = {
  acmeCertificates: "cybexp:index:AcmeCertificates",
  acmeVolume: "cybexp:docker:AcmeVolume",
  backend: "cybexp:index:Backend",
  bodyVolume: "cybexp:docker:BodyVolume",
  certificateAuthority: "cybexp:tls:CertificateAuthority",
  certificateVolume: "cybexp:docker:CertificateVolume",
  challengeServer: "cybexp:index:ChallengeServer",
  clientCertificate: "cybexp:tls:ClientCertificate",
  clientList: "cybexp:index:ClientList",
  collector: "cybexp:index:Collector",
  collectorDoor: "cybexp:index:CollectorDoor",
  container: "cybexp:docker:Container",
  database: "cybexp:index:Database",
  databaseDoor: "cybexp:docker:DatabaseDoor",
  dataVolume: "cybexp:docker:DataVolume",
  deployment: "cybexp:index:Deployment",
  engine: "cybexp:docker:Engine",
  externalDatabase: "cybexp:index:ExternalDatabase",
  httpService: "cybexp:index:HttpService",
  kapow: "cybexp:index:Kapow",
  keptVolumes: "cybexp:index:KeptVolumes",
  kms: "cybexp:index:Kms",
  kmsAccounts: "cybexp:index:KmsAccounts",
  kmsKeys: "cybexp:index:KmsKeys",
  moduleConfigs: "cybexp:index:ModuleConfigs",
  release: "cybexp:docker:Release",
  rotatedAuthority: "cybexp:tls:RotatedAuthority",
  rotatedPassword: "cybexp:index:RotatedPassword",
  rotationGuard: "cybexp:index:RotationGuard",
  selfSignedClient: "cybexp:tls:SelfSignedClient",
  serverCertificate: "cybexp:tls:ServerCertificate",
  smokeCheck: "cybexp:index:SmokeCheck",
  suppliedCertificate: "cybexp:tls:SuppliedCertificate",
  tlsProxy: "cybexp:index:TlsProxy",
  userList: "cybexp:index:UserList",
} as const;

/** Whether a type stands for something real. A component, the stack and a provider only group others. */
export const isThing = (type: string): boolean => !/^(cybexp:|pulumi:)/.test(type);

/** Whether a resource of the type is in Docker, and not only in the state. */
export const isInDocker = (type: string): boolean => type.startsWith("docker:");
