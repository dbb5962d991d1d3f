/** The environment is read here and nowhere else. Alone in its file: every command needs it, also those that take milliseconds. */

/** Settings from the environment: the command line's defaults. */
export function readEnvironment(): { dataDir?: string; noColor: boolean; ci: boolean } {
	const { MUSTER_DATA, NO_COLOR, CI } = process.env;
	return {
		...(MUSTER_DATA && { dataDir: MUSTER_DATA }),
		noColor: NO_COLOR !== undefined && NO_COLOR !== "",
		ci: CI !== undefined && CI !== "" && CI !== "false",
	};
}

/** A secret that a workflow refers to as `${env:NAME}`; undefined when it is not set. */
export const readSecret = (name: string): string | undefined => process.env[name];
