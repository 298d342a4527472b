/** What an image must have is looked at before anything is made of it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTAINER } from "../../../names/types.ts";
import { Kapow } from "../../../components/kapow.ts";
import { databaseNeeds, kapowNeeds, serviceNeeds } from "../../../render/imageNeeds.ts";
import { build, COMMAND, OWNER, imageIdOf, once, run, the, type World } from "./mocks.ts";
import { kapowArgs, kms, SETTINGS } from "./parts.ts";

const IMAGE = SETTINGS.kms.image;

const make = (world: World = {}) => build(() => kms(), world);
const usual = once(() => make());

describe("an image", () => {
  it("is checked for what its use needs", async () => {
    for (const [role, image, needs] of [
      ["kms", IMAGE, serviceNeeds("kms", "65532:65532")],
      ["kms-db", "cybexp-demo/mongo:1", databaseNeeds("kms-db", "999:999")],
    ] as const) {
      const { inputs, secrets } = the(await usual(), COMMAND, `${role}-image-check`);
      assert.deepEqual(inputs, {
        ...run("image-check"),
        environment: {},
        stdin: { ...OWNER, image: imageIdOf(image), needs },
      });
      assert.deepEqual(secrets, []);
    }
  });

  it("is checked before its files, its volume, its stand-in and its container", async () => {
    const { dependencies } = await usual();
    for (const [check, users] of [
      [
        "kms",
        [
          `${COMMAND} kms-secrets-owner`,
          `${COMMAND} kms-config-delivery`,
          `${COMMAND} kms-handover`,
          `${CONTAINER} kms`,
        ],
      ],
      [
        "kms-db",
        [
          `${COMMAND} kms-db-data-owner`,
          `${COMMAND} kms-db-secrets-delivery`,
          `${CONTAINER} kms-db`,
        ],
      ],
    ] as const) {
      for (const user of users) {
        const before = dependencies.get(user) ?? [];
        assert.ok(before.includes(`${COMMAND} ${check}-image-check`), user);
      }
    }
  });

  it("stays known in the preview of a stack that had no such check", async () => {
    const built = await make({ preview: true });
    const { image } = the(built, CONTAINER, "kms-db").inputs;
    assert.equal(image, imageIdOf("cybexp-demo/mongo:1"));
  });

  it("of Kapow! must have its program, and its init program where that is in it", async () => {
    for (const [init, programs] of [
      ["/opt/routes", ["/opt/kapow", "/opt/routes"]],
      ["#!/bin/sh\ntrue\n", ["/opt/kapow"]],
    ] as const) {
      const built = await build(
        () =>
          new Kapow("kapow", {
            ...kapowArgs(),
            settings: {
              image: "cybexp-demo/kapow:1",
              program: "/opt/kapow",
              listen: 5003,
              address: "127.0.0.1",
              init,
              healthRoute: "/health",
              egress: false,
            },
          }),
      );
      const stdin = the(built, COMMAND, "kapow-image-check").inputs["stdin"];
      assert.deepEqual(stdin, {
        ...OWNER,
        image: imageIdOf("cybexp-demo/kapow:1"),
        needs: kapowNeeds("65532:65532", ...programs),
      });
    }
  });
});
