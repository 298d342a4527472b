/** The accounts that a stack has at the KMS, and whether the KMS takes the tokens that the stack signs for them. */
import { z } from "zod";
import { authorityTrouble, keyTrouble, tokenTrouble } from "../../render/kmsAccounts.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import type { Call, KmsInside } from "./kms.ts";

const holder = z.object({ name: z.string(), password: z.string(), token: z.string() });
export type Holder = z.infer<typeof holder>;

/** The input of `accounts`, which the state keeps. */
export const accountsInput = z.object({
  dockerHost: engineInput,
  container: z.string(),
  administrator: holder,
  users: z.array(holder.extend({ attributes: z.array(z.string()) })),
  /** Whether the operator has given up the keys of the KMS. */
  givenUp: z.boolean(),
});
export type AccountsInput = z.infer<typeof accountsInput>;

const remembered = z.object({ made: z.string(), ours: z.boolean() });

/** The output of `accounts`, which the state keeps. */
export const accountMemory = z.object({
  administrator: remembered.extend({ name: z.string() }),
  users: z.record(z.string(), remembered),
});

/** Sentences about tokens, rights and keys that are not as they should be. Changes nothing. */
export async function troublesOfTokens(
  kms: KmsInside,
  { administrator, users }: Pick<AccountsInput, "administrator" | "users">,
): Promise<string[]> {
  const me = ({ token }: Holder): Call => ({ method: "GET", path: "/user/me", token });
  const everybody = [administrator, ...users];
  const tokens = await kms.call(everybody.map(me));
  const refused = everybody.flatMap(
    ({ name }, index) => tokenTrouble(name, answerAt(tokens, index)) ?? [],
  );
  if (refused.length > 0) {
    // One key signs all, so the first says it.
    return refused.slice(0, 1);
  }
  const [right, ...keys] = await kms.call([
    // Refused for what is missing in it, if not for who sends it.
    { method: "POST", path: "/user/create", token: administrator.token, body: {} },
    ...users.map(({ token }): Call => ({ method: "POST", path: "/get/key/cpabe-sk", token })),
  ]);
  return [
    authorityTrouble(administrator.name, right ?? SILENCE),
    ...users.map(({ name }, index) => keyTrouble(name, answerAt(keys, index))),
  ].filter((trouble) => trouble !== undefined);
}

const SILENCE = { status: 0, size: 0, text: "no answer" };

const answerAt = <T>(answers: readonly T[], index: number) => answers[index] ?? SILENCE;
