import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AGING_MS, matcherWorld as world } from "../../test/matcher-world.ts";
import { priorities, type Task } from "../task/task.ts";
import { createRun } from "../workflow/run-fold.ts";

describe("the order of ready tasks", () => {
	it("is by priority, then by the time they became ready", () => {
		const { offer, start } = world({ slots: 10 });
		const tasks = ["background", "normal", "critical", "normal", "high"].map((priority) =>
			offer({ priority: priority as Task["priority"] }),
		);
		assert.deepEqual(
			start(),
			[2, 4, 1, 3, 0].map((place) => tasks[place]),
		);
	});

	it("lets nothing fresh that is ready more than 4 x agingMs later go before a background task", () => {
		const { offer, start, end, pass } = world();
		offer();
		const [first] = start();
		const background = offer({ priority: "background" });
		pass(4 * AGING_MS - 1);
		const before = offer({ priority: "critical" });
		pass(2);
		offer({ priority: "critical" });
		end(first as Task);
		assert.deepEqual(start(), [before]);
		end(before);
		assert.deepEqual(start(), [background]);
	});

	it("puts the next step of a run that began before fresh work of its priority, however much waits", () => {
		const { offer, start, end, pass, state, task, matcher } = world();
		const fresh = Array.from({ length: 20 }, () => offer());
		state.runs.set("run", createRun({ id: "run", workflow: "w", hash: "h", inputs: {} }, 0));
		const step = (id: string) => offer({ run: { id: "run", step: id, index: 0 } });
		step("one");
		// Each takes 10 s: the first step waits its turn, and by then others wait as long as it did.
		for (const _ of fresh) {
			const [running] = start(1) as [Task];
			pass(10_000);
			offer();
			end(running);
		}
		const [one] = start() as [Task];
		assert.equal(one.run?.step, "one");
		const two = task({ run: { id: "run", step: "two", index: 0 } });
		end(one);
		matcher.offer(two);
		assert.deepEqual(start(), [two]);
	});

	it("lets no start pass by a task that was ready more than 4 levels earlier", () => {
		const step = fc.record({ priority: fc.constantFrom(...priorities), passMs: fc.integer({ min: 0, max: AGING_MS }) });
		fc.assert(
			fc.property(fc.array(step, { minLength: 10, maxLength: 100 }), fc.nat(3), (steps, backlog) => {
				const { offer, start, end, pass, clock } = world();
				const ready = new Map<Task, number>();
				const running: Task[] = [];
				for (const { priority, passMs } of steps) {
					ready.set(offer({ priority }), clock.monotonic());
					pass(passMs);
					if (ready.size <= backlog) continue;
					for (const task of running.splice(0)) end(task);
					for (const task of start()) {
						const readyMs = ready.get(task) as number;
						ready.delete(task);
						running.push(task);
						for (const other of ready.values()) assert.ok(readyMs - other <= 4 * AGING_MS);
					}
				}
			}),
		);
	});

	it("is total: every offered task starts once, whatever is offered, withdrawn and released in between", () => {
		const command = fc.record({
			do: fc.constantFrom("offer", "start", "end", "withdraw", "pass"),
			priority: fc.constantFrom(...priorities),
			key: fc.constantFrom(undefined, "a", "b"),
			limit: fc.integer({ min: 1, max: 3 }),
			pick: fc.nat(),
		});
		fc.assert(
			fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
				const muster = world({ slots: 4 });
				const waiting = new Set<Task>();
				let started = 0;
				const begin = (): void => {
					for (const task of muster.start(1)) {
						assert.ok(waiting.delete(task));
						started++;
						const { concurrency } = task;
						if (concurrency === undefined) continue;
						const holders = muster.running.filter((match) => match.task.concurrency?.key === concurrency.key);
						assert.ok(holders.length <= concurrency.limit, "I8: never more than the limit of the one that starts");
					}
				};
				let offered = 0;
				let withdrawn = 0;
				for (const { do: verb, priority, key, limit, pick } of commands) {
					if (verb === "offer") {
						const concurrency = key === undefined ? undefined : ({ key, limit, policy: "queue" } as const);
						waiting.add(muster.offer({ priority, ...(concurrency && { concurrency }) }));
						offered++;
					} else if (verb === "start") begin();
					else if (verb === "pass") muster.pass(pick % 100_000);
					else if (verb === "withdraw") {
						const task = [...waiting][pick % Math.max(1, waiting.size)];
						if (task === undefined) continue;
						muster.matcher.withdraw(task);
						waiting.delete(task);
						withdrawn++;
					} else {
						const match = muster.running[pick % Math.max(1, muster.running.length)];
						if (match !== undefined) muster.end(match.task);
					}
				}
				while (waiting.size > 0) {
					const before = waiting.size;
					begin();
					const [match] = muster.running;
					if (waiting.size === before && match !== undefined) muster.end(match.task);
					else assert.ok(waiting.size < before, "something waits that nothing holds back");
				}
				assert.equal(started + withdrawn, offered);
			}),
		);
	});
});

describe("a concurrency key", () => {
	it("lets so many run at a time, and the next as soon as one ends", () => {
		const { offer, start, end } = world({ slots: 10 });
		const keyed = Array.from({ length: 5 }, () => offer({ concurrency: { key: "k", limit: 2, policy: "queue" } }));
		const other = offer();
		assert.deepEqual(start(), [keyed[0], keyed[1], other]);
		end(keyed[1] as Task);
		assert.deepEqual(start(), [keyed[2]]);
	});

	it("holds across types, since it is one key", () => {
		const { offer, start } = world({ slots: 10 });
		const concurrency = { key: "k", limit: 1, policy: "queue" } as const;
		const first = offer({ concurrency });
		offer({ type: "other", concurrency });
		assert.deepEqual(start(), [first]);
	});
});

describe("limits of all and of a type", () => {
	it("hold at every instant", () => {
		const { offer, start, end } = world({ slots: 100, limits: { running: 5, types: { work: 2 } } });
		for (let i = 0; i < 10; i++) {
			offer();
			offer({ type: "other" });
		}
		const begun = start();
		assert.deepEqual([begun.length, begun.filter(({ type }) => type === "work").length], [5, 2]);
		end(begun.find(({ type }) => type === "work") as Task);
		assert.deepEqual(
			start().map(({ type }) => type),
			["work"],
		);
	});
});

describe("a rate", () => {
	const rate = { key: "api", limit: 10, perMs: 1_000 };

	it("paces starts evenly, the first of a new key at once", () => {
		const { offer, start, pass } = world({ slots: 100 });
		for (let i = 0; i < 30; i++) offer({ rate });
		assert.equal(start().length, 1);
		const starts: number[] = [];
		for (let ms = 0; ms < 2_000; ms += 10) {
			pass(10);
			for (const _ of start()) starts.push(ms);
		}
		assert.equal(starts.length, 20);
		assert.ok(
			starts.every((at, i) => i === 0 || at - (starts[i - 1] as number) >= 90),
			String(starts),
		);
	});

	it("stands still for as long as the other side asks", () => {
		const { offer, start, pass, matcher } = world({ slots: 100 });
		pass(1_000);
		for (let i = 0; i < 5; i++) offer({ rate });
		assert.equal(start().length, 1);
		matcher.freeze(rate, 5_000);
		for (let ms = 0; ms < 4_990; ms += 10) {
			pass(10);
			assert.equal(start().length, 0);
		}
		pass(10);
		assert.equal(start().length, 1);
	});

	it("is the newest task's, also for those that wait for the old one's next start", () => {
		const { offer, start, pass } = world({ slots: 100 });
		const hourly = { key: "api", limit: 1, perMs: 3_600_000 };
		const first = offer({ rate: hourly });
		assert.deepEqual(start(), [first]);
		const slow = offer({ rate: hourly });
		assert.deepEqual(start(), []);
		const fast = offer({ rate: { key: "api", limit: 100, perMs: 1_000 } });
		assert.deepEqual(start(), []);
		pass(10);
		assert.deepEqual(start(), [slow]);
		pass(10);
		assert.deepEqual(start(), [fast]);
	});

	it("is shared fairly among agents that do nothing else", () => {
		const { offer, start, end, pass, running } = world({ agents: 7 });
		for (let i = 0; i < 70; i++) offer({ rate });
		const shares = new Map<string, number>();
		for (let ms = 0; ms < 8_000; ms += 50) {
			pass(50);
			for (const { task } of [...running]) end(task);
			start();
			for (const { seat } of running) shares.set(seat.name, (shares.get(seat.name) ?? 0) + 1);
		}
		assert.deepEqual([...shares.values()], new Array(7).fill(10));
	});

	it("is forgotten when nothing of its past matters any more", () => {
		const { offer, start, end, pass, matcher } = world({ slots: 100 });
		pass(1_000);
		offer({ rate });
		const [task] = start() as [Task];
		end(task);
		assert.equal(matcher.gates, 1);
		pass(1_000);
		assert.equal(matcher.gates, 0);
	});
});

describe("a pause", () => {
	it("of everything or of a type lets nothing more start, and a resume all of it", () => {
		const { offer, start, state, matcher } = world({ slots: 10 });
		const tasks = [offer(), offer({ type: "other" })];
		state.paused.set("all", { at: 0 });
		assert.equal(start().length, 0);
		state.paused.delete("all");
		state.paused.set("type:work", { at: 0 });
		assert.deepEqual(start(), [tasks[1]]);
		state.paused.delete("type:work");
		matcher.pausedChanged("type:work");
		assert.deepEqual(start(), [tasks[0]]);
	});

	it("of a workflow holds back the tasks of its runs and of runs inside of them", () => {
		const { offer, start, state, matcher } = world({ slots: 10 });
		state.runs.set("r", createRun({ id: "r", workflow: "outer", hash: "h", inputs: {} }, 0));
		const parent = { id: "r", step: "s", index: 0, depth: 1 };
		state.runs.set("r.s", createRun({ id: "r.s", workflow: "inner", hash: "h", inputs: {}, parent }, 0));
		const inner = offer({ run: { id: "r.s", step: "a", index: 0 } });
		const plain = offer();
		state.paused.set("workflow:outer", { at: 0 });
		assert.deepEqual(start(), [plain]);
		state.paused.delete("workflow:outer");
		matcher.pausedChanged("workflow:outer");
		assert.deepEqual(start(), [inner]);
	});

	it("of a run holds back its tasks, those of runs inside of it and what they delegate, and no others", () => {
		const { offer, start, state, matcher } = world({ slots: 20 });
		state.runs.set("r", createRun({ id: "r", workflow: "w", hash: "h", inputs: {} }, 0));
		state.runs.set("other", createRun({ id: "other", workflow: "w", hash: "h", inputs: {} }, 0));
		const parent = { id: "r", step: "s", index: 0, depth: 1 };
		state.runs.set("r.s", createRun({ id: "r.s", workflow: "inner", hash: "h", inputs: {}, parent }, 0));
		const step = (run: string) => offer({ run: { id: run, step: "a", index: 0 } });
		const coordinator = step("r.s");
		assert.deepEqual(start(), [coordinator]);
		const before = [step("r"), step("r.s"), offer({ parent: coordinator.id }), step("r")];
		const [other, plain] = [step("other"), offer()];
		state.paused.set("run:r", { at: 0 });
		matcher.pausedChanged("run:r");
		const after = [step("r"), offer({ parent: coordinator.id })];
		assert.deepEqual(start(), [other, plain]);
		state.paused.delete("run:r");
		matcher.pausedChanged("run:r");
		assert.deepEqual(new Set(start()), new Set([...before, ...after]));
		assert.equal(matcher.gates, 2, "one for each workflow, none for the run");
	});
});
