/**
 * Wrong passwords, slowed down. Nginx's limit_req counts a request before it looks at the password, so a limit at
 * the door would hold up whoever has the right one, too. This one is in the location that a refusal leads to: only
 * a wrong password ever gets there.
 */
import { type Guesses, LONGEST_WAIT, longestWait } from "../settings/guesses.ts";
import { wholeNumber } from "./check.ts";

/** Longer than any look into htpasswd takes; a caller who is asked for a password does not notice. */
const ANSWER_MILLISECONDS = 20;

/** What a guess too many is told; in Nginx's spelling. */
export const guessCause =
  "Too many wrong passwords came from this address. Try again in $retry_after seconds; the right password is let in at once.";

/** At the level of http: whose guesses are counted together, and what is said of one too many. */
export const guessMaps = ({ perMinute }: Guesses) => `\
# A wrong password counts against its sender's address. A call without any is no guess, and is never counted.
map $http_authorization $guess_from {
    default $binary_remote_addr;
    "" "";
}
# Room for 8000 addresses; the one that guessed longest ago makes way.
limit_req_zone $guess_from zone=guesses:1m rate=${perMinute}r/m;
limit_req_status 429;
# The access log has a line for each; the error log needs none.
limit_req_log_level info;
# The answer comes as late for an unknown name as for a known one.
auth_delay ${ANSWER_MILLISECONDS}ms;
map $limit_req_status $retry_after {
    default $retry_for_room;
    REJECTED ${Math.ceil(60 / perMinute)};
}
map $limit_req_status $refused {
    default $no_room;
    REJECTED guesses;
}
`;

/** In the server of a door that asks for a password. Not a return: that comes before any limit. */
export const guessLocation = ({ burst }: Guesses) => `\
# A refused password leads here, a good one never does: it neither counts nor waits.
location @wrong-password {
    auth_basic off;
    limit_req zone=guesses burst=${burst};
    try_files /nothing @refused;
}
`;

/** Makes sure that no value breaks out of its place in the text, and that none waits too long. */
export function checkGuesses(guesses: Guesses): void {
  wholeNumber("the number of wrong passwords a minute", guesses.perMinute, 1, 6000);
  wholeNumber("the number of wrong passwords that may wait", guesses.burst, 1, 6000);
  if (longestWait(guesses) > LONGEST_WAIT) {
    throw new RangeError(
      `with ${guesses.perMinute} wrong passwords a minute and a burst of ${guesses.burst}, one may wait ${longestWait(guesses)} s, but must not wait more than ${LONGEST_WAIT} s: lower burst`,
    );
  }
}
