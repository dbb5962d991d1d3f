/** Skills for a thread: one never gives the turn back for as long as it is told, or ends its thread; one wants the bus. */
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

export const chatty = defineSkill<string, null>({
	name: "chatty",
	description: "Uses the bus",
	thread: import.meta.url,
	async run(verb, { bus }) {
		if (verb === "publish") bus.publish("a", 1);
		else if (verb === "request") await bus.request("a", 1);
		else if (verb === "subscribe") bus.subscribe("a").unsubscribe();
		else await bus.streams.append("a", 1);
		return null;
	},
});
