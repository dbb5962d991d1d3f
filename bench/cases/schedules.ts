/** What many schedules cost: a start that has to look after all of them, and how late a fire is when many are due at once. */
import { defineSkill, startOrchestrator } from "../../src/index.ts";
import { folder, percentile, report } from "../case.ts";

const IDLE = 10_000;
const DUE = 1_000;

const late: number[] = [];
const done = Promise.withResolvers<void>();
const stamp = defineSkill({
	name: "stamp",
	description: "Notes how late it starts.",
	run: () => {
		late.push(Date.now() % 60_000);
		if (late.length === DUE) done.resolve();
		return null;
	},
});
const data = folder();
const start = () => startOrchestrator({ dataDir: data.path, skills: [stamp], workflows: [] });
const first = await start();
const idle = Array.from({ length: IDLE - DUE }, (_, i) => ({
	...{ id: `idle-${i}`, cron: `${i % 60} ${i % 24} 1 1 *`, task: { type: "stamp" } },
}));
const made = performance.now();
await Promise.all(idle.map((spec) => first.schedule(spec)));
const createMs = performance.now() - made;
await first.shutdown();

const began = performance.now();
const second = await start();
const startMs = performance.now() - began;
// All due at one second, the next one that leaves time to store them.
const wanted = (Math.floor(Date.now() / 1_000) + 3) % 60;
const cron = `${wanted} * * * * *`;
await Promise.all(
	Array.from({ length: DUE }, (_, i) => second.schedule({ id: `due-${i}`, cron, task: { type: "stamp" } })),
);
await done.promise;
const lateness = late.map((ms) => (ms - wanted * 1_000 + 60_000) % 60_000);
report([
	{ name: `schedules created, ${IDLE - DUE} at once`, value: ((IDLE - DUE) / createMs) * 1_000, unit: "/s" },
	{ name: `start with ${IDLE - DUE} schedules`, value: startMs, unit: "ms" },
	{ name: `due to start, ${DUE} due at once, p50`, value: percentile(lateness, 0.5), unit: "ms" },
	{ name: `due to start, ${DUE} due at once, p99`, value: percentile(lateness, 0.99), unit: "ms" },
]);
await second.shutdown();
data.remove();
