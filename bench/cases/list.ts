/** The first page of tasks with 1,000,000 finished ones in the views, plain and with each filter. */
import { join } from "node:path";
import { startOrchestrator, type TaskQuery } from "../../src/index.ts";
import { ViewsWriter } from "../../src/journal/views-writer.ts";
import { createTask, type Task } from "../../src/task/task.ts";
import { folder, input, noop, percentile, report } from "../case.ts";

const TASKS = 1_000_000;
const PAGES = 300;
const SLICE = 5_000;

const data = folder();
await (await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [] })).shutdown();
const began = Date.parse("2026-01-01T00:00:00Z");
/** Hardly any fail, one agent and one type are rare, and each run has ten tasks. */
const finished = (n: number): Task => {
	const rare = n % 50_000 === 0;
	const at = began + Math.floor(n / 10);
	const fresh = { id: `tsk_${String(n).padStart(12, "0")}`, type: rare ? "rare" : "noop", input, submittedAt: at };
	const task = createTask({ ...fresh, priority: "normal" }, n % 1_000 === 0 ? "failed" : "completed", 0);
	const agent = rare ? "rare-1" : `worker-${1 + (n % 10)}`;
	const run = n % 2 === 0 ? { run: { id: `run_${Math.floor(n / 20)}`, step: "s", index: n % 20 } } : {};
	return {
		...task,
		...run,
		endedAt: at + 5,
		attempts: 1,
		history: [{ token: n, agent, startedAt: at, endedAt: at + 5 }],
	};
};
const views = new ViewsWriter(join(data.path, "views.db"));
for (let n = 0; n < TASKS; n += SLICE) {
	views.transaction(() => {
		for (let i = n; i < n + SLICE; i++) views.putTask(finished(i), [1, 2]);
		return views.position() ?? { seq: 0, lastEvent: 0, hash: Buffer.alloc(32) };
	});
}
views.close();

const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [], workers: 0 });
await orchestrator.submitMany(Array.from({ length: 1_000 }, () => ({ type: "noop", input })));
const queries: { [name: string]: TaskQuery } = {
	"no filter": {},
	"a state that nearly all have": { state: "completed" },
	"a rare state": { state: "failed" },
	"a rare type": { type: "rare" },
	"a rare agent": { agent: "rare-1" },
	"a run": { run: "run_25000" },
	"a time in the middle": { until: new Date(began + TASKS / 20).toISOString() },
	"a type and a state together rare": { type: "rare", state: "completed" },
	"a common type and a rare agent": { type: "noop", agent: "rare-1" },
	"nothing that fits": { type: "nothing" },
};
const figures = Object.entries(queries).flatMap(([name, query]) => {
	const times = Array.from({ length: PAGES }, () => {
		const started = performance.now();
		orchestrator.tasks({ ...query, limit: 100 });
		return performance.now() - started;
	});
	const first = { name: `first page of tasks, ${name}, p50`, value: percentile(times, 0.5), unit: "ms" };
	return [
		first,
		{ ...first, name: first.name.replace("p50", "p99"), value: percentile(times, 0.99), goal: { atMost: 50 } },
	];
});
report(figures);
await orchestrator.shutdown();
data.remove();
