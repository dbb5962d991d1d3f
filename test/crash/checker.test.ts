/** The checker is only worth something if it finds what is broken and says nothing about what is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./checker.ts";
import type { FinalTask, LogEntry, SeenEvent, WitnessLine } from "./messages.ts";

interface History {
	log: LogEntry[];
	witness: WitnessLine[];
}

type Final = Extract<LogEntry, { what: "final" }>;

/** Two cycles: a, b after a, c with two effects, d that may not be repeated; a kill while c ran. */
function clean(): History {
	let seq = 0;
	const log: LogEntry[] = [];
	const witness: WitnessLine[] = [];
	const event = (t: number, type: string, id: string, more: object = {}): void => {
		const seen: SeenEvent = { seq: ++seq, type, id, text: JSON.stringify({ type, id, ...more }) };
		log.push({ what: "event", t, event: seen });
	};
	const line = (t: number, what: WitnessLine["what"], id: string, type: string, n: number, key?: string): void =>
		void witness.push({ what, id, type, n, attempt: 1, t, pid: t < 50 ? 1 : 2, ...(key && { key }) });
	log.push({ what: "submit", n: 1, t: 1, specs: [{ type: "echo" }, { type: "sum" }] });
	log.push({ what: "submit", n: 2, t: 2, specs: [{ type: "checked", idempotencyKey: "k" }] });
	log.push({ what: "submit", n: 3, t: 3, specs: [{ type: "blind" }] });
	for (const id of ["a", "b", "c", "d"]) event(4, "task.submitted", id);
	log.push({ what: "ack", n: 1, t: 5, ids: ["a", "b"] });
	log.push({ what: "ack", n: 2, t: 5, ids: ["c"] });
	log.push({ what: "ack", n: 3, t: 5, ids: ["d"] });
	line(10, "begin", "a", "echo", 1);
	line(11, "end", "a", "echo", 1);
	event(12, "task.completed", "a");
	line(13, "begin", "c", "checked", 2);
	line(14, "effect", "c", "checked", 2, "c/one");
	line(15, "begin", "b", "sum", 1);
	line(16, "end", "b", "sum", 1);
	line(17, "begin", "d", "blind", 3);
	log.push({ what: "kill", t: 50, cycle: 1 });
	line(60, "begin", "b", "sum", 1);
	line(61, "end", "b", "sum", 1);
	event(62, "task.completed", "b");
	line(63, "begin", "c", "checked", 2);
	line(64, "effect", "c", "checked", 2, "c/two");
	line(65, "end", "c", "checked", 2);
	event(66, "task.completed", "c");
	line(67, "begin", "d", "blind", 3);
	event(68, "task.failed", "d");
	const task = (id: string, type: string, n: number, more: Partial<FinalTask> = {}): FinalTask => ({
		...{ id, type, input: { n, value: 2 }, attempts: 1, state: "completed", output: { value: 4 } },
		...more,
	});
	const { output: _, ...blind } = task("d", "blind", 3, {
		state: "failed",
		error: { code: "E_EFFECT_AMBIGUOUS", message: "?" },
	});
	const tasks = [task("a", "echo", 1), task("b", "sum", 1, { dependsOn: ["a"] }), task("c", "checked", 2), blind];
	const counts = { submitted: 4, pending: 0, running: 0, completed: 3, failed: 1, cancelled: 0, skipped: 0 };
	log.push({ what: "final", t: 100, tasks, runs: [{ id: "r", state: "completed" }], counts });
	return { log, witness };
}

const finalOf = ({ log }: History): Final => log.findLast((entry) => entry.what === "final") as Final;
const taskOf = (history: History, id: string): FinalTask =>
	finalOf(history).tasks.find((task) => task.id === id) as FinalTask;
const eventOf = ({ log }: History, type: string, id: string): SeenEvent =>
	(log.find((e) => e.what === "event" && e.event.type === type && e.event.id === id) as { event: SeenEvent }).event;
const remove = <T>(list: T[], fits: (item: T) => boolean): void => void list.splice(list.findIndex(fits), 1);
const again = (history: History, id: string, t: number, what: WitnessLine["what"] = "begin"): void => {
	const line = history.witness.find((each) => each.id === id && each.what === what) as WitnessLine;
	history.witness.push({ ...line, t });
};

/** What is broken, how, and what the checker must call it. */
const broken: [name: string, kind: string, breakIt: (history: History) => void][] = [
	["an acknowledged task is gone", "lost", (h) => remove(finalOf(h).tasks, ({ id }) => id === "a")],
	["an acknowledged run is gone", "lost", (h) => void h.log.push({ what: "ack", n: 9, t: 6, ids: ["r9"] }, finalOf(h))],
	["an event is gone", "lost", (h) => remove(h.log, (e) => e.what === "event" && e.event.seq === 2)],
	[
		"an event is another one after the kill",
		"lost",
		(h) => {
			const event = eventOf(h, "task.completed", "a");
			h.log.unshift({ what: "event", t: 6, event: { ...event, text: `${event.text} ` } });
		},
	],
	[
		"a key stands for two tasks",
		"twice",
		(h) => {
			h.log.unshift({ what: "submit", n: 7, t: 1, specs: [{ type: "checked", idempotencyKey: "k" }] });
			h.log.push({ what: "ack", n: 7, t: 60, ids: ["a"] });
		},
	],
	["a task nobody asked for", "phantom", (h) => Object.assign(taskOf(h, "a"), { input: { n: 99, value: 2 } })],
	["a refused submit is there", "phantom", (h) => void h.log.push({ what: "refused", n: 2, t: 6, code: "E_X" })],
	[
		"a task without an event",
		"phantom",
		(h) => void finalOf(h).tasks.push({ ...taskOf(h, "a"), id: "z", type: "coordinate" }),
	],
	[
		"an execution of an unknown task",
		"phantom",
		(h) => void h.witness.push({ ...(h.witness[0] as WitnessLine), id: "z" }),
	],
	["a task never ended", "open", (h) => Object.assign(taskOf(h, "a"), { state: "ready" })],
	["a run never ended", "open", (h) => Object.assign(finalOf(h).runs[0] as { state: string }, { state: "running" })],
	["it never drained", "open", (h) => h.log.pop()],
	["a wrong result", "wrong", (h) => Object.assign(taskOf(h, "c"), { output: { value: 5 } })],
	["no result", "wrong", (h) => void delete taskOf(h, "c").output],
	[
		"a task failed without a reason",
		"wrong",
		(h) => Object.assign(taskOf(h, "a"), { state: "failed", error: { code: "E_SKILL_FAILED", message: "?" } }),
	],
	[
		"a run failed without a reason",
		"wrong",
		(h) => Object.assign(finalOf(h).runs[0] as { state: string }, { state: "failed" }),
	],
	["nobody cancelled it", "wrong", (h) => Object.assign(taskOf(h, "a"), { state: "cancelled" })],
	["it was skipped for nothing", "wrong", (h) => Object.assign(taskOf(h, "b"), { state: "skipped" })],
	["state and event differ", "wrong", (h) => Object.assign(eventOf(h, "task.completed", "a"), { type: "task.failed" })],
	[
		"it was given up after two deaths",
		"wrong",
		(h) => Object.assign(taskOf(h, "a"), { state: "failed", error: { code: "E_CRASH_LOOP", message: "?" } }),
	],
	["it completed but never ran", "wrong", (h) => remove(h.witness, (line) => line.id === "a" && line.what === "end")],
	[
		"two ends",
		"twice",
		(h) => void h.log.unshift({ what: "event", t: 70, event: { seq: 9, type: "task.failed", id: "a", text: "{}" } }),
	],
	["it ran again after its end was known", "twice", (h) => again(h, "a", 63)],
	["it ran again in another process after its end was known", "twice", (h) => again(h, "c", 90)],
	["an effect twice", "effect", (h) => again(h, "c", 63.5, "effect")],
	["an effect never", "effect", (h) => remove(h.witness, (line) => line.key === "c/two")],
	[
		"a blind effect twice",
		"effect",
		(h) => {
			const line = {
				...(h.witness.find(({ id }) => id === "d") as WitnessLine),
				what: "effect",
				key: "d/one",
			} as const;
			h.witness.push({ ...line, t: 18 }, { ...line, t: 68 });
		},
	],
	["a dependent began too early", "early", (h) => again(h, "b", 9)],
	["counts of another sum", "count", (h) => void finalOf(h).counts.submitted++],
	["counts of another state", "count", (h) => void finalOf(h).counts.completed--],
	["something still runs", "count", (h) => void finalOf(h).counts.running++],
];

test("a clean history has no problems", () => {
	const { log, witness } = clean();
	assert.deepEqual(check(log, witness), []);
});

for (const [name, kind, breakIt] of broken) {
	test(`the checker finds: ${name}`, () => {
		const history = clean();
		breakIt(history);
		const problems = check(history.log, history.witness);
		assert.ok(
			problems.some((problem) => problem.startsWith(`${kind}: `)),
			`${kind} is among ${JSON.stringify(problems)}`,
		);
	});
}
