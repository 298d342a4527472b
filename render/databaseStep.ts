/** Which databases can follow on which: MongoDB takes the data of its last major version, and of no other. */

/** What a database image has in it, as far as it says. */
export interface DatabaseVersion {
  readonly product: "MongoDB" | "FerretDB";
  /** Such as `8.0.4`. */
  readonly version: string;
}

/** @param text What `mongod --version` or `ferretdb --version` prints. */
export function readVersion(text: string): DatabaseVersion | undefined {
  const [, mongod] = /^db version v(\d+\.\d+\S*)/m.exec(text) ?? [];
  if (mongod !== undefined) {
    return { product: "MongoDB", version: mongod };
  }
  const [, ferretdb] = /^version: v(\d+\.\d+\S*)/m.exec(text) ?? [];
  return ferretdb === undefined ? undefined : { product: "FerretDB", version: ferretdb };
}

/**
 * The exit code of a `mongod --version` that could not even say it; undefined where it could, or there is none.
 *
 * @param text What it prints, and `exit CODE` in the last line.
 */
export function failedWith(text: string): number | undefined {
  const code = Number(/^exit (\d+)$/m.exec(text)?.[1] ?? 0);
  return code === 0 ? undefined : code;
}

/** What the name of an image promises that is not on the engine yet: only of images with the product's name. */
export function versionOfName(image: string): DatabaseVersion | undefined {
  // The demo's tags are numbers of its own.
  if (image.startsWith("cybexp-demo/")) {
    return undefined;
  }
  const [, name, version] =
    /(?:^|\/)(mongo|mongodb-community-server|ferretdb):v?(\d+(?:\.\d+)*)[^/]*$/.exec(image) ?? [];
  return version === undefined
    ? undefined
    : { product: name === "ferretdb" ? "FerretDB" : "MongoDB", version };
}

export interface DatabaseStep {
  /** The database's container, and the image that it is to get, as their users call them. */
  readonly container: string;
  readonly image: string;
  /** The version that wrote the data, and the one that will read it; undefined if unknown. */
  readonly before: DatabaseVersion | undefined;
  readonly next: DatabaseVersion | undefined;
  /** The data's featureCompatibilityVersion, such as `7.0`, if the database told. */
  readonly features?: string | undefined;
  /** A change of it that was interrupted. */
  readonly unfinished?: UnfinishedChange | undefined;
}

/** The server's document says where such a change comes from, and where it leads. */
export interface UnfinishedChange {
  readonly from: string;
  readonly to: string;
}

/** Why the image must not get the data, with the steps that lead there; undefined where it may. */
export function stepRefusal(step: DatabaseStep): string | undefined {
  const { container, image, before, next, features, unfinished } = step;
  if (before === undefined || next === undefined) {
    return undefined;
  }
  const opening = `the image ${image} is ${next.product} ${next.version}, and the data of ${container} is ${before.product}'s (${before.version})`;
  if (before.product !== next.product) {
    return (
      `${opening}: neither reads the other's files. To move the data, dump it (mongodump) with the old image, ` +
      `give ${container}-data up (cybexp:lost), run \`up\` with the new one, and load it (mongorestore); ${PAGE}`
    );
  }
  if (next.product === "FerretDB") {
    return majorOf(before) > majorOf(next) ? `${opening}, which is newer; ${PAGE}` : undefined;
  }
  const [from, to] = [seriesOf(before.version), seriesOf(next.version)];
  if (isBelow(to, from)) {
    return (
      `${opening}: MongoDB does not go back to an earlier release. Set cybexp:database.image to MongoDB ${from.name} again, ` +
      `or put back a copy of the volume from before it had ${from.name}; ${PAGE}`
    );
  }
  const path = pathBetween(from, to);
  if (path.length > 1) {
    const steps = path.map(({ name }) => `MongoDB ${name}`).join(", then ");
    return (
      `${opening}: MongoDB reads the data of the release before it only. Go one by one: ${steps}; run \`up\` with each, ` +
      `and after each set cybexp:database.featureCompatibility to its number and run \`up\` again; ${PAGE}`
    );
  }
  if (features === undefined || isSame(from, to)) {
    return undefined;
  }
  const first = (release: string) =>
    `set cybexp:database.featureCompatibility to "${release}" and run \`up\` with the present image first; ${PAGE}`;
  if (unfinished !== undefined) {
    return `${opening}, whose featureCompatibilityVersion is on its way from ${unfinished.from} to ${unfinished.to}, which was interrupted: ${first(unfinished.to)}`;
  }
  const written = seriesOf(features);
  // What the running release still keeps in the form of the one before.
  if (isBelow(written, major(from))) {
    return (
      `${opening}, whose featureCompatibilityVersion is still ${features}: MongoDB ${to.name} would not start with it. ` +
      `Once you need no way back to ${features}, ${first(major(from).name)}`
    );
  }
  return starts(to, written)
    ? undefined
    : `${opening}, whose featureCompatibilityVersion is ${features}: MongoDB ${to.name} would not start with it. Go by way of MongoDB ${following(written)}; ${PAGE}`;
}

export interface FeatureStep {
  /** The database's container, as its users call it. */
  readonly container: string;
  /** The release whose features the data is to have: `cybexp:database.featureCompatibility`. */
  readonly wanted: string;
  /** The release that runs now, and has shown that it can. */
  readonly running: DatabaseVersion;
  /** The data's featureCompatibilityVersion now; undefined where it did not tell. */
  readonly features: string | undefined;
  /** A change of it that was interrupted. */
  readonly unfinished?: UnfinishedChange | undefined;
}

/** What a word of the operator about features comes to. */
export type FeatureVerdict =
  | { readonly verdict: "done" }
  | { readonly verdict: "raise"; readonly sentence: string }
  | { readonly verdict: "refuse"; readonly sentence: string };

/** Features go up only, and no further than the release that runs already. */
export function featureStep(step: FeatureStep): FeatureVerdict {
  const { container, wanted, running, features, unfinished } = step;
  const refuse = (sentence: string): FeatureVerdict => ({
    verdict: "refuse",
    sentence: `cybexp:database.featureCompatibility is ${wanted}, but ${sentence}; ${PAGE}`,
  });
  if (running.product === "FerretDB") {
    return refuse(
      `${container} is FerretDB ${running.version}, which has no such versions: remove the key`,
    );
  }
  const [to, at] = [seriesOf(wanted), seriesOf(running.version)];
  if (isBelow(at, to)) {
    return refuse(
      `${container} runs MongoDB ${running.version}: first set cybexp:database.image to MongoDB ${to.name} and run \`up\`, ` +
        "and raise this once you are sure that it works",
    );
  }
  if (features === undefined) {
    return refuse(`${container} does not tell its featureCompatibilityVersion`);
  }
  if (unfinished !== undefined) {
    const goes = isBelow(seriesOf(unfinished.from), seriesOf(unfinished.to)) ? "" : "back ";
    const way = `the data of ${container} is on its way ${goes}from ${unfinished.from} to ${unfinished.to}, which was interrupted`;
    const upper = goes === "" ? unfinished.to : unfinished.from;
    return wanted === upper
      ? {
          verdict: "raise",
          sentence: `${way}: it gets the features of MongoDB ${upper}, and earlier releases can't read it afterwards`,
        }
      : refuse(`${way}. Set it to "${upper}", and \`up\` finishes that`);
  }
  const from = seriesOf(features);
  if (isBelow(to, from)) {
    return refuse(
      `the data of ${container} has the features of ${from.name}: they are not taken back. Set it to "${from.name}", or remove it`,
    );
  }
  if (isSame(from, to)) {
    return { verdict: "done" };
  }
  // A server raises them to its own release, and to no other.
  return isSame(to, at)
    ? {
        verdict: "raise",
        sentence: `the data of ${container} gets the features of MongoDB ${to.name} in place of ${from.name}: earlier releases can't read it afterwards`,
      }
    : refuse(
        `${container} runs MongoDB ${running.version}, and its data has the features of ${from.name}: set it to "${at.name}" or "${from.name}"`,
      );
}

/** The command that raises it. From 7.0 on the server wants to hear that it is meant. */
export const raiseFeatures = (wanted: string, running: DatabaseVersion) => ({
  setFeatureCompatibilityVersion: wanted,
  ...(isBelow(seriesOf(running.version), seriesOf("7.0")) ? {} : { confirm: true }),
});

const PAGE = 'docs/data.md, "Another release of MongoDB", has the commands';

/** A release that an upgrade can't pass over, such as 7.0; and a minor one after it, such as 8.2. */
interface Series {
  readonly rank: number;
  readonly minor: number;
  readonly name: string;
}

/** Up to here the second number told major releases apart, too. */
const EARLY = ["3.6", "4.0", "4.2", "4.4", "5.0"];

function seriesOf(version: string): Series {
  const [first = 0, second = 0] = version.split(".").map(Number);
  const name = `${first}.${second}`;
  const early = EARLY.indexOf(name);
  if (early >= 0) {
    return { rank: early, minor: 0, name };
  }
  return first < 5
    ? { rank: -1, minor: first * 10 + second, name }
    : { rank: EARLY.length - 1 + first - 5, minor: second, name };
}

const isBelow = (a: Series, b: Series): boolean =>
  a.rank < b.rank || (a.rank === b.rank && a.minor < b.minor);

const isSame = (a: Series, b: Series): boolean => a.rank === b.rank && a.minor === b.minor;

/** The last minor release before the next major one, up to 8.3. After that it is not known. */
const LAST_MINOR = 3;

/**
 * Whether a server starts on data with these features. It knows its own, those of the major release before it,
 * and those of the release right before it, which may be a minor one.
 * https://www.mongodb.com/docs/manual/release-notes/8.3-upgrade/
 */
function starts(server: Series, written: Series): boolean {
  if (isSame(server, written)) {
    return true;
  }
  if (server.minor > 0) {
    return server.rank === written.rank && [0, server.minor - 1].includes(written.minor);
  }
  return written.minor === 0 || written.minor === LAST_MINOR || written.rank > LAST_RANK;
}

const following = ({ rank, minor }: Series): string =>
  major({ rank, minor, name: "" }).name.replace(/0$/, String(minor + 1));

/** The major release that a minor one belongs to. */
const major = ({ rank }: Series): Series => ({
  rank,
  minor: 0,
  name: EARLY[rank] ?? `${rank - EARLY.length + 1 + 5}.0`,
});

/** Every release that has to read the data in turn; none where both are of one major release. */
function pathBetween(from: Series, to: Series): Series[] {
  const majors = Array.from({ length: Math.max(to.rank - from.rank, 0) }, (_, index) =>
    major({ ...from, rank: from.rank + 1 + index }),
  );
  return to.minor > 0 && majors.length > 0 ? [...majors, to] : majors;
}

const LAST_RANK = seriesOf("8.3").rank;

const majorOf = ({ version }: DatabaseVersion): number => Number(version.split(".")[0]);
