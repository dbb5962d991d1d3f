/** What every part logs through. `main.ts` decides where it goes; the default goes nowhere. */
import type { SkillLog } from "./skill/skill.ts";

export interface Log extends SkillLog {
	/** A log that adds these fields to every line. */
	child(fields: Record<string, string | number>): Log;
}

export const silentLog: Log = {
	debug: () => undefined,
	info: () => undefined,
	warn: () => undefined,
	error: () => undefined,
	child: () => silentLog,
};
