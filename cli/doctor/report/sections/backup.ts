/** The last backup. */
import { type Html, markup } from "../html.ts";
import type { Backup } from "../model.ts";
import { ageOf, counted, dayOf } from "../words.ts";

export const backupSection = (
  backup: Backup | undefined,
  now: Date,
): Html => markup`<section id="backup" aria-labelledby="backup-title">
<h2 id="backup-title">Last backup</h2>
${backup === undefined ? markup`<p class="calm">None configured.</p>` : told(backup, now)}
</section>
`;

function told({ newest, place, warnDays }: Backup, now: Date): Html {
  if (newest === undefined) {
    return markup`<p>There is none yet in <code>${place}</code>.</p>`;
  }
  const old = isOld({ newest, place, warnDays }, now);
  return markup`<p>${dayOf(newest)}, <strong${old && markup` class="soon"`}>${ageOf(newest, now)}</strong>, in <code>${place}</code>. From ${counted(warnDays, "day")} on it is too old.</p>`;
}

export const isOld = ({ newest, warnDays }: Backup, now: Date): boolean =>
  newest === undefined || now.getTime() - newest.getTime() >= warnDays * 86_400_000;
