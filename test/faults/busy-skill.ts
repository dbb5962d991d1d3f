/** A skill for a thread: never gives the turn back for as long as it is told, or ends its thread. */
import { defineSkill } from "../../src/index.ts";

export const busy = defineSkill<{ forMs?: number; exit?: boolean }, string>({
	name: "busy",
	description: "Keeps its thread busy",
	thread: import.meta.url,
	run({ forMs = 0, exit = false }) {
		if (exit) process.exit(3);
		const end = performance.now() + forMs;
		while (performance.now() < end);
		return "done";
	},
});
