/**
 * How much of its machine Nginx may use, and what it lets through to a service that has less room. A large body
 * waits in the proxy, on its disk, until the service has room for it: CYBEX-P's collector loses a record that is
 * refused.
 */
import { wholeNumber } from "./check.ts";

/** What the proxy itself may use. */
export interface NginxRoom {
  readonly workers: number;
  /** For each worker: callers' connections, and those to the services. */
  readonly connections: number;
  /** How many large bodies may be under way at once, at all doors together. */
  readonly largeBodies: number;
}

/** What a service behind a door may get at once. */
export interface DoorRoom {
  /** Requests; the next is refused with 503. */
  readonly requests: number;
  /** Large bodies; the next waits. */
  readonly largeBodies: number;
}

/** A body of this many bytes or more is large. The map below compares the number of digits. */
export const LARGE_BODY = 100_000;

/** The folder for bodies that are not small; in a deployment a volume, since /tmp is memory. */
export const BODIES_FOLDER = "/tmp/client_body";

/** The defaults. */
export const nginxRoom: NginxRoom = {
  workers: 4,
  connections: 1024,
  largeBodies: 120,
};
export const doorRoom: DoorRoom = { requests: 512, largeBodies: 4 };

interface RoomyDoor {
  /** For names in Nginx that are its own. */
  readonly id: string;
  readonly name: string;
  readonly maxBody: string;
  readonly room: DoorRoom;
  /** Whether a body waits here until it is whole. */
  readonly buffersUploads: boolean;
}

const atLeastLarge = `[0-9]{${String(LARGE_BODY).length},}`;

/** At the level of http: what is counted, and who waits. */
export const roomMaps = (doors: readonly RoomyDoor[], longestSeconds: number) => `\
# A body of ${LARGE_BODY} bytes or more is large; of one in chunks nobody knows before it is there.
map "$request_method $content_length" $large_body {
    default "";
    "~ ${atLeastLarge}$" large;
    "~^(POST|PUT|PATCH) $" large;
}
limit_conn_zone $large_body zone=large_bodies:128k;
limit_conn_zone $door zone=requests:128k;
# Only our own refusals are of these: what a service answers has its own header.
map $limit_conn_status $retry_for_room {
    default "";
    REJECTED 5;
}
map "$limit_conn_status $large_body" $no_room {
    default "";
    "REJECTED " requests;
    "REJECTED large" "large bodies";
}
map $no_room $no_room_cause {
    default "The service has as many requests under way as it may have. Send it again in a few seconds.";
    "large bodies" "There are as many large bodies under way as there is room for. Send it again in a few seconds.";
}

# Large bodies go to a service a few at a time: each holds one of its turns until it is answered, and
# the others wait here, whole. Nginx has no such queue; it has one for answers that it caches, by
# key, and here no answer ever is. A turn that was never given back is free after ${longestSeconds} s.
proxy_cache_path /tmp/turns levels=1 keys_zone=turns:128k use_temp_path=off;
proxy_cache_methods POST;
proxy_cache_lock on;
proxy_cache_lock_age ${longestSeconds}s;
proxy_cache_lock_timeout 1d;
proxy_no_cache 1;
# Looked at when the body is there.
map $content_length $turns {
    volatile;
    default off;
    "~^${atLeastLarge}$" turns;
}
${doors.filter(takesLarge).map(turns).join("\n")}
`;

const UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Whether large bodies wait at the door. @param door Its `maxBody` is in Nginx's spelling. */
const takesLarge = ({ maxBody, buffersUploads }: RoomyDoor) =>
  buffersUploads && parseInt(maxBody) * (UNITS[maxBody.at(-1) ?? ""] ?? 1) >= LARGE_BODY;

const turns = ({ id, room: { largeBodies } }: RoomyDoor) => `\
split_clients $request_id $turn_at_${id} {
${Array.from({ length: largeBodies - 1 }, (_, index) => `    ${share(largeBodies)}% ${index + 1};\n`).join("")}    * ${largeBodies};
}`;

/** Rounded down: all of them may be no more than 100. */
const share = (parts: number) => (Math.floor(10_000 / parts) / 100).toFixed(2);

/** In the location that leads to the service, after the check of the caller. */
export const passage = (door: RoomyDoor, { largeBodies }: NginxRoom) => `\
limit_conn requests ${door.room.requests};
${
  takesLarge(door)
    ? `\
limit_conn large_bodies ${largeBodies};
proxy_cache $turns;
proxy_cache_key "${door.name} $turn_at_${door.id}";
`
    : ""
}`;

/** Makes sure that no value breaks out of its place in the text. */
export function checkRoom(
  room: NginxRoom,
  doors: readonly Pick<RoomyDoor, "name" | "room">[],
): void {
  wholeNumber("the number of workers", room.workers, 1, 512);
  wholeNumber("the number of connections", room.connections, 64, 1_048_576);
  wholeNumber("the number of large bodies", room.largeBodies, 1, 65_535);
  for (const {
    name,
    room: { requests, largeBodies },
  } of doors) {
    wholeNumber(`the requests at ${name}`, requests, 1, 65_535);
    wholeNumber(`the large bodies at ${name}`, largeBodies, 1, 1000);
  }
}
