/**
 * MongoDB's `hello` command as the bytes of one wire message (OP_MSG). It is the cheapest question that a server
 * answers, and needs no password. A `mongosh` would take a second of processor time for it.
 */
export function mongoHello(): Buffer {
  const document = bson([
    Buffer.from("\x10hello\0"), // an int32 ...
    int32(1), // ... of 1
    Buffer.from("\x02$db\0"), // a string ...
    int32("admin\0".length),
    Buffer.from("admin\0"), // ... "admin"
  ]);
  const body = Buffer.concat([int32(0), Buffer.from([0]), document]); // flags, section kind 0
  const OP_MSG = 2013;
  const header = [int32(16 + body.length), int32(1), int32(0), int32(OP_MSG)];
  return Buffer.concat([...header, body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** A BSON document: its length, its elements, a zero. */
function bson(elements: readonly Buffer[]): Buffer {
  const length = 4 + elements.reduce((sum, element) => sum + element.length, 0) + 1;
  return Buffer.concat([int32(length), ...elements, Buffer.from([0])]);
}

/** Bytes as bash's `printf` takes them. */
export function printfBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
