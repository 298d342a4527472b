/** Decides which environment variables a rehearsal's programs get. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Names that are passed on, so that programs, engines and registries are found. Everything else is left
 * out, such as tokens, cloud keys, and the real stack's backend and passphrase.
 */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TERM|TMPDIR|CI|XDG_CACHE_HOME|DOCKER_(HOST|CONFIG|CONTEXT|CERT_PATH|TLS_VERIFY|API_VERSION)|CYBEXP_REGISTRY|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE|GO(PROXY|SUMDB|NOSUMDB|FLAGS|CACHE|MODCACHE|PATH|TOOLCHAIN)|npm_config_(registry|cache|userconfig))$/i;

/**
 * The environment of a rehearsal: a state and a passphrase of its own, and nothing that leads to those of
 * a real stack.
 *
 * @param folder The rehearsal's own folder, with its state and its passphrase file.
 * @param hosts Host names, and their addresses in the rehearsal.
 */
export function childEnvironment(
  env: NodeJS.ProcessEnv,
  {
    folder,
    stack,
    hosts = {},
  }: {
    readonly folder: string;
    readonly stack: string;
    readonly hosts?: Readonly<Record<string, string>>;
  },
): NodeJS.ProcessEnv {
  return {
    ...Object.fromEntries(Object.entries(env).filter(([name]) => PASSED.test(name))),
    STACK: stack,
    PULUMI_STACK: stack,
    PULUMI_BACKEND_URL: `${pathToFileURL(stateFolder(folder)).href}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile(folder),
    CYBEXP_REHEARSAL_HOSTS: JSON.stringify(hosts),
  };
}

export const stateFolder = (folder: string): string => join(folder, "state");
export const passphraseFile = (folder: string): string => join(folder, "passphrase");
