/** What the doctor says of collectors. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CollectorFacts, collectorFindings } from "../../cli/doctor/collectors.ts";

const empty = { records: 0, at: {}, since: null, failing: false };
const well: CollectorFacts = {
  ...{ container: "c", door: "c-door", gate: "c-gate", bind: "127.0.0.1:6000", drainSeconds: 60 },
  ...{ ill: [], isOpen: true, hasStandIn: false, status: empty, oldest: undefined },
  ...{ keys: new Map(), trouble: undefined },
};
const told = (changes: Partial<CollectorFacts>) =>
  collectorFindings({ ...well, ...changes }).map(({ level, about, text }) => {
    assert.equal(about, "collector");
    return `${level}: ${text}`;
  });
const waiting = (records: number, oldest: number, changes: object = {}) => ({
  status: { ...empty, records, since: 1, ...changes },
  oldest,
});

describe("the doctor, about a collector", () => {
  it("that is well says where it takes records, and how many it has", () => {
    assert.deepEqual(told({}), ["good: c takes records at 127.0.0.1:6000, and has none in hand"]);
    assert.deepEqual(told(waiting(1, 59, { at: { collector: 1 } })), [
      "good: c takes records at 127.0.0.1:6000, and has 1 record in hand",
    ]);
    // A shipper that holds its connection open.
    assert.deepEqual(told({ status: { ...empty, records: 2 } }), [
      "good: c takes records at 127.0.0.1:6000, and has 2 records in hand",
    ]);
  });

  it("that is not let in says by whom, and what helps", () => {
    const token = "token: the KMS refuses the token of the user collector (422)";
    assert.deepEqual(told({ trouble: token }), [
      `fault: c is not let in: ${token}; \`npm run up\` gives it the current password and token`,
    ]);
    for (const trouble of [
      "502: the proxy gets no answer from the KMS",
      "DNS: the name cybexp.example.org does not resolve in the collector's network (x)",
      "TLS: the certificate at cybexp.example.org:5002 is not accepted (x)",
    ]) {
      assert.deepEqual(told({ trouble }), [`fault: c is not let in: ${trouble}`]);
    }
  });

  it("with an error page for a key names the file, and has commands that put it right", () => {
    const keys = new Map([
      ["de.bin", "is an error page (HTML)"],
      ["ore.bin", "is empty"],
    ]);
    assert.deepEqual(told({ keys }), [
      "fault: c has an answer of a server stored as a key (de.bin is an error page (HTML), ore.bin is empty), " +
        "so nobody finds or reads what it stores: `docker exec c rm /secrets/de.bin /secrets/ore.bin && " +
        "docker restart --time 60 c` has it fetch the key again",
    ]);
  });

  it("says why records wait, after a minute", () => {
    const refused = waiting(12, 61, { failing: true });
    assert.deepEqual(told(refused), [
      "fault: c does not take the 12 records that wait at c-gate, the oldest for 61 s: see `docker logs c`",
    ]);
    assert.deepEqual(told({ ...refused, oldest: 59 }), [
      "good: c takes records at 127.0.0.1:6000, and has 12 records in hand",
    ]);
    const slow = waiting(12, 400, { at: { collector: 12 } });
    assert.deepEqual(told(slow), [
      "note: c has 12 records in hand, the oldest for 6 minutes: the Backend is slow, or more come than it works on at once (cybexp:modules.config.enc_worker_threads)",
    ]);
    // Then nothing of that is a riddle.
    assert.deepEqual(told({ ...slow, trouble: "502: the proxy gets no answer from the Backend" }), [
      "fault: c is not let in: 502: the proxy gets no answer from the Backend",
    ]);
  });

  it("says that its port is closed, and that an `up` did not come to its end", () => {
    assert.deepEqual(told({ isOpen: false }), [
      "fault: c takes no records: the port 127.0.0.1:6000 is closed; `npm run up` opens it again",
    ]);
    assert.deepEqual(told({ hasStandIn: true }), [
      "note: c has a stand-in, which is there only while an `up` replaces it: `npm run up` finishes that",
    ]);
    assert.deepEqual(told({ status: undefined }), [
      "fault: c can't be judged: c-gate does not say what it has",
    ]);
  });

  it("repeats no fault of a container, and does not call it well then", () => {
    assert.deepEqual(told({ ill: ["c"], ...waiting(3, 100, { failing: true }) }), []);
    assert.deepEqual(told({ ill: ["c-gate"], status: undefined }), []);
    assert.deepEqual(told({ ill: ["c-door"], isOpen: false }), []);
    // This one may be why it does not start.
    assert.match(
      told({ ill: ["c"], keys: new Map([["cpabe_pub.bin", "is empty"]]) }).join(),
      /^fault: c has an answer of a server/,
    );
  });
});
