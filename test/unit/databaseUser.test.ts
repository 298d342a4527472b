import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { databaseUser, retiredUsers } from "../../render/databaseUser.ts";

describe("the users of earlier passwords", () => {
  const names = [
    "admin",
    "KMS_db-1",
    "KMS_db-2",
    "KMS_db-3",
    "backup",
    "KMS_db-backup",
    "KMS_db-02",
  ];

  it("are the service's own with any other number", () => {
    assert.deepEqual(retiredUsers(names, databaseUser("KMS_db", 3)), ["KMS_db-1", "KMS_db-2"]);
    assert.deepEqual(retiredUsers(names, databaseUser("KMS_db", 2)), ["KMS_db-1", "KMS_db-3"]);
  });

  it("are never the administrator, a backup's user or another service's", () => {
    assert.deepEqual(retiredUsers(["admin", "backup", "priv_backend-1"], "KMS_db-2"), []);
    assert.deepEqual(retiredUsers(["admin", "admin-1"], "admin"), []);
  });

  it("are told from those of a database whose name starts the same", () => {
    assert.deepEqual(retiredUsers(["KMS-1", "KMS-1-1", "KMS-1-2"], databaseUser("KMS-1", 2)), [
      "KMS-1-1",
    ]);
    assert.deepEqual(retiredUsers(["KMS-1", "KMS-1-1"], databaseUser("KMS", 2)), ["KMS-1"]);
  });
});
