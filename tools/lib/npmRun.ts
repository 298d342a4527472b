/** A command of this project as it works when it is pasted: with its stack, where that is not `dev`. */
export function npmRun(command: string, stack: string): string {
  return `${stack === "dev" ? "" : `STACK=${stack} `}npm run ${command}`;
}
