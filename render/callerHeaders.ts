/** The headers by which the proxy tells a service who called. */
import { matching } from "./check.ts";

/**
 * The names of the headers by which a service learns who called. The proxy sets all three at every request. What a
 * caller sends under these names is overwritten, in any case and with underscores, which WSGI and CGI programs take
 * for hyphens. Let the service trust these and no others: a header of another name, such as `Remote-User`, passes
 * from the caller as it is.
 *
 * @example
 * // As Grafana's auth proxy reads it.
 * { user: "X-WEBAUTH-USER" }
 */
export interface CallerHeaders {
  /** The user, or the client whose certificate let it in without a password. @default "X-Authenticated-User" */
  readonly user?: string;
  /** What let it in: `password`, `certificate` or `both`. @default "X-Authenticated-By" */
  readonly enteredBy?: string;
  /** The client whose certificate is good; empty without one. @default "X-Authenticated-Client" */
  readonly client?: string;
}

/**
 * Nobody else's: services that read `X-Forwarded-User` or `Remote-User` often take it from any caller, and a proxy on
 * the way may set it as well.
 */
export const defaultCallerHeaders = {
  user: "X-Authenticated-User",
  enteredBy: "X-Authenticated-By",
  client: "X-Authenticated-Client",
} as const satisfies CallerHeaders;

/** What a browser shows when it asks for a password. */
export const defaultRealm = "Restricted";

/** @throws RangeError for a text that could end its place in a header or in Nginx's configuration */
export const checkRealm = (realm: string): string =>
  matching(
    "the realm",
    realm,
    /^[!#%&(-[\]-~]([ !#%&(-[\]-~]{0,62}[!#%&(-[\]-~])?$/,
    "at most 64 characters of printable ASCII without quotes, $ and \\, and without spaces at its ends",
  );

/** What the proxy sets itself, and what frames a request or means something to Nginx. */
const TAKEN = new RegExp(
  `^(${[
    "accept(-.*)?|authorization|cache-control|connection|content-.*|cookie|date|expect|forwarded|from|host|if-.*",
    "keep-alive|origin|pragma|proxy(-.*)?|range|referer|sec-.*|te|trailer|transfer-encoding|upgrade|user-agent|via",
    "x-accel-.*|x-authorization|x-forwarded-(for|host|port|prefix|proto)|x-real-ip|x-request-id",
  ].join("|")})$`,
  "i",
);

/** @throws RangeError for a name that is no header's, that means something else, or that two of them have */
export function callerHeaders(names: CallerHeaders = {}): Required<CallerHeaders> {
  const headers = { ...defaultCallerHeaders, ...names };
  const seen = new Set<string>();
  for (const [what, name] of Object.entries(headers)) {
    matching(
      `the caller header for ${what}`,
      name,
      /^[A-Za-z][A-Za-z0-9-]{0,62}[A-Za-z0-9]$/,
      "letters, digits and -, beginning with a letter",
    );
    if (TAKEN.test(name)) {
      throw new RangeError(
        `the caller header for ${what} is ${JSON.stringify(name)}, which has another meaning: take a name such as ${defaultCallerHeaders.user}`,
      );
    }
    if (seen.has(name.toLowerCase())) {
      throw new RangeError(`the caller headers have the name ${name} twice: each needs its own`);
    }
    seen.add(name.toLowerCase());
  }
  return headers;
}
