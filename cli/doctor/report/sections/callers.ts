/** Who may call. */
import { folded, type Html, markup, type Part, table } from "../html.ts";
import type { Caller, Deployed } from "../model.ts";
import { counted } from "../words.ts";

export const callersSection = ({
  users,
  clients,
}: Pick<
  Deployed,
  "users" | "clients"
>): Html => markup`<section id="callers" aria-labelledby="callers-title">
<h2 id="callers-title">Who may call</h2>
<div class="pair">
<div>
<h3>${counted(users.length, "user")} with a password</h3>
${folded(users, 12, "users", callersTable("Users", "password"))}
</div>
<div>
<h3>${counted(clients.length, "client")} with a certificate</h3>
${clients.length === 0 ? markup`<p class="calm">None: no door asks for one, or nobody has one yet.</p>` : folded(clients, 12, "clients", callersTable("Clients", "certificate"))}
</div>
</div>
</section>
`;

const callersTable =
  (title: string, secret: string) =>
  (callers: readonly Caller[], caption = title): Html =>
    table(
      caption,
      [
        { title: "Name" },
        { title: "Generation", number: true },
        { title: "State" },
        { title: "Last hour", number: true },
      ],
      callers.map((caller) => [
        caller.name,
        caller.generation,
        stateOf(caller, secret),
        caller.requests?.toLocaleString("en-GB") ?? "–",
      ]),
    );

const stateOf = ({ overlap, revoked, generation }: Caller, secret: string): Part =>
  revoked
    ? markup`<span class="remark">revoked</span>`
    : overlap
      ? markup`<strong class="soon">${secret} ${generation - 1} still valid</strong>`
      : "in use";
