/**
 * Components that put HTTP services on a Docker engine, behind one proxy with TLS, passwords and client
 * certificates. CYBEX-P's own services are in `cybexp-pulumi/cybexp`.
 *
 * @module cybexp-pulumi
 */
export { Deployment, type DeploymentArgs, type VolumeWatch } from "./deployment.ts";
export { DockerEngine, type DockerEngineArgs, type Engine, type RegistryLogin } from "./engine.ts";
export { configuredEngine } from "./configuredEngine.ts";
export type { EngineConnection, EngineInput } from "../settings/engineConnection.ts";
export { imageId, type ImageOptions } from "./image.ts";
export { httpHealthCheck } from "../render/httpProbe.ts";

// Services.
export { HttpService, type HttpServiceArgs } from "./httpService.ts";
export { Container, type ContainerArgs } from "./container.ts";
export type { FileMount, NetworkAttachment, PublishedPort, VolumeMount } from "./container.ts";
export { engineSize, stackLimits } from "./engineSize.ts";
export type { ContainerLimits, DoorLimits, ProxyLimits } from "../settings/limits.ts";
export type { EngineSize, LimitSettings, StackLimits } from "../settings/limits.ts";
export { DataVolume } from "./dataVolume.ts";
export type { OwnedVolumeArgs as DataVolumeArgs } from "./ownedVolume.ts";
export { Release, type ReleaseArgs } from "./release.ts";
export type { ReleaseFile, ReleaseFiles } from "../render/release.ts";

// The proxy, and the lists of who may come in.
export { TlsProxy, type TlsProxyArgs } from "./tlsProxy.ts";
export type { DoorPath, ProxyDoor, ProxyUpstream } from "./proxyDoor.ts";
export type { DoorProfile, DoorTraffic } from "../render/doorTraffic.ts";
export { UserList, type Credential, type ListedUser, type UserListArgs } from "./userList.ts";
export { ClientList } from "./clientList.ts";
export type { ClientCredential, ClientListArgs, ListedClient } from "./clientList.ts";
export type { Access, ClientKeyType, ClientSettings } from "../settings/types.ts";
export type { Endpoint, ProxySettings, UserSettings } from "../settings/types.ts";

// Keys and certificates.
export { CertificateAuthority, type CertificateAuthorityArgs } from "./certificateAuthority.ts";
export { RotatedAuthority, type RotatedAuthorityArgs } from "./rotatedAuthority.ts";
export { RotatedPassword, type RotatedPasswordArgs } from "./rotatedPassword.ts";
export { SelfSignedClient } from "./selfSignedClient.ts";
export { ServerCertificate, type ServerCertificateArgs } from "./serverCertificate.ts";
export type { End as CertificateEnd } from "./certificateEnds.ts";
export { overlaps } from "../settings/overlaps.ts";

// Types of their properties.
export type { DoorWay } from "../render/collectorDoor.ts";
export type { CertificatePair, ClientCheck, UpstreamTls } from "../render/proxyRelease.ts";
export type { ShownCertificate } from "./shownCertificate.ts";
export type { PasswordCheck } from "./userList.ts";
