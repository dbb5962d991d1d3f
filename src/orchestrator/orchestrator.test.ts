import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deferred, startTest, temporaryFolder } from "../../test/fixture.ts";
import {
	type Assignment,
	type ChildResult,
	CoordinatorAgent,
	Delegation,
	defineSkill,
	type ErrorCode,
	hasCode,
	isArtifactRef,
	type Json,
	RetryableError,
	TerminalError,
	WorkerAgent,
	type WorkflowDefinition,
} from "../index.ts";

const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });
const previous = defineSkill({
	name: "previous",
	description: "Returns what came before.",
	run: (_, context) => [...context.previous],
});
const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);

describe("a task", () => {
	it("is done by an agent and keeps its record", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const done = await muster.wait(await muster.submit({ type: "echo", input: { hello: "world" } }));
		assert.equal(done.state, "completed");
		assert.deepEqual(done.output, { hello: "world" });
		assert.equal(done.attempts, 1);
		assert.match(done.history[0]?.agent ?? "", /^worker-/);
	});

	it("gets the outputs of those it depends on, in that order", async (t) => {
		const muster = await startTest(t, { skills: [echo, previous] });
		const ids = await muster.submitMany([
			{ type: "previous", dependsOn: ["#2", "#1"] },
			{ type: "echo", input: "first" },
			{ type: "echo", input: "second" },
		]);
		assert.deepEqual((await muster.wait(ids[0] as string)).output, ["second", "first"]);
	});

	it("may depend on a task that completed long ago", async (t) => {
		const muster = await startTest(t, { skills: [echo, previous] });
		const old = await muster.submit({ type: "echo", input: 7 });
		await muster.wait(old);
		const done = await muster.wait(await muster.submit({ type: "previous", dependsOn: [old] }));
		assert.deepEqual(done.output, [7]);
	});

	it("is tried again after the delay its error asks for, and then completes", async (t) => {
		let calls = 0;
		const flaky = defineSkill({
			name: "flaky",
			description: "Fails once.",
			run: () => {
				if (++calls === 1) throw new RetryableError("not yet", { afterMs: 1 });
				return calls;
			},
		});
		const muster = await startTest(t, { skills: [flaky] });
		const done = await muster.wait(await muster.submit({ type: "flaky" }));
		assert.equal(done.output, 2);
		assert.equal(done.attempts, 2);
		assert.equal(done.history[0]?.error?.message, "not yet");
	});

	it("fails at once on an error that no other attempt can help, and is kept with its reason", async (t) => {
		const broken = defineSkill({
			name: "broken",
			description: "Fails.",
			run: () => {
				throw new TerminalError("no such customer", { hint: "Look it up." });
			},
		});
		const muster = await startTest(t, { skills: [broken] });
		const done = await muster.wait(await muster.submit({ type: "broken" }));
		assert.equal(done.state, "failed");
		assert.equal(done.attempts, 1);
		const [dead] = muster.deadLetters();
		assert.equal(dead?.error?.message, "no such customer");
		assert.equal(dead?.error?.hint, "Look it up.");
	});

	it("takes those that depend on it along when it fails", async (t) => {
		const broken = defineSkill({
			name: "broken",
			description: "Fails.",
			run: () => {
				throw new TerminalError("no");
			},
		});
		const muster = await startTest(t, { skills: [broken, echo] });
		const ids = await muster.submitMany([
			{ type: "broken" },
			{ type: "echo", dependsOn: ["#0"] },
			{ type: "echo", dependsOn: ["#1"] },
		]);
		const last = await muster.wait(ids[2] as string);
		assert.equal(last.state, "skipped");
		assert.equal(last.error?.code, "E_DEPENDENCY_FAILED");
	});

	it("with the same idempotency key is the first task, also after a restart", async (t) => {
		const dataDir = temporaryFolder(t);
		const first = await startTest(t, { dataDir, skills: [echo] });
		const spec = { type: "echo", input: 1, idempotencyKey: "order-1" };
		const [one, two] = await Promise.all([first.submit(spec), first.submit(spec)]);
		assert.equal(one, two);
		await first.wait(one);
		await first.shutdown();
		const second = await startTest(t, { dataDir, skills: [echo] });
		assert.equal(await second.submit(spec), one);
		await assert.rejects(second.submit({ ...spec, input: 2 }), code("E_IDEMPOTENCY_CONFLICT"));
	});

	it("may depend on one of its batch that an idempotency key made into an earlier task", async (t) => {
		const muster = await startTest(t, { skills: [echo, previous] });
		const keyed = { type: "echo", input: "kept", idempotencyKey: "k" };
		const old = await muster.submit(keyed);
		await muster.wait(old);
		const [same, next] = await muster.submitMany([keyed, { type: "previous", dependsOn: ["#0"] }]);
		assert.equal(same, old);
		assert.deepEqual((await muster.wait(next as string)).output, ["kept"]);
	});

	it("is refused when it depends on itself through others, and the circle is named", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const circle = [0, 1, 2].map((i) => ({ type: "echo", dependsOn: [`#${(i + 1) % 3}`] }));
		await assert.rejects(muster.submitMany(circle), /#0 -> #1 -> #2 -> #0/);
		assert.equal(muster.status().taskQueue.submitted, 0);
	});

	it("is refused when it depends on an unknown id, which is named", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		await assert.rejects(muster.submit({ type: "echo", dependsOn: ["tsk_none"] }), /tsk_none/);
	});

	it("of a batch is refused with all others of it", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const specs = [{ type: "echo" }, { type: "echo", input: Number.NaN }];
		await assert.rejects(muster.submitMany(specs), /task 1: input is NaN/);
		assert.equal(muster.tasks().items.length, 0);
	});

	it("with a large output keeps a reference to an artifact", async (t) => {
		const large = defineSkill({ name: "large", description: "Much text.", run: () => "x".repeat(100_000) });
		const muster = await startTest(t, { skills: [large] });
		const { output } = await muster.wait(await muster.submit({ type: "large" }));
		assert.ok(isArtifactRef(output));
		assert.equal(await muster.artifacts.json(output), "x".repeat(100_000));
	});

	it("says how far it is", async (t) => {
		const shown = deferred();
		const release = deferred();
		const slow = defineSkill({
			name: "slow",
			description: "Reports.",
			run: async (_, context) => {
				context.progress(0.25, "a quarter");
				shown.resolve();
				await release.promise;
				return null;
			},
		});
		const muster = await startTest(t, { skills: [slow] });
		const id = await muster.submit({ type: "slow" });
		await shown.promise;
		assert.deepEqual(muster.task(id).progress, { fraction: 0.25, message: "a quarter" });
		release.resolve();
		await muster.wait(id);
	});

	it("of a queue that is full is refused, and taken again when there is room", async (t) => {
		const muster = await startTest(t, { skills: [echo], maxTasks: 2 });
		await assert.rejects(
			muster.submitMany([{ type: "echo" }, { type: "echo" }, { type: "echo" }]),
			code("E_QUEUE_FULL"),
		);
		await muster.submitMany([{ type: "echo" }, { type: "echo" }]);
	});
});

describe("a bare list of tasks", () => {
	it("is a sequence in which each gets what the one before returned", async (t) => {
		const muster = await startTest(t, { skills: [echo, previous] });
		const ids = await muster.submitWorkflow("three", [
			{ type: "echo", input: 1 },
			{ type: "previous" },
			{ type: "previous" },
		]);
		assert.deepEqual((await muster.wait(ids[2] as string)).output, [[1]]);
		assert.equal(muster.task(ids[1] as string).group, "three");
	});
});

describe("a coordinator", () => {
	class Doubler extends CoordinatorAgent {
		override split({ input }: Assignment) {
			return (input as number[]).map((n) => ({ type: "echo", input: n * 2 }));
		}
		override gather(children: readonly ChildResult[]): Json | Delegation {
			return children.map((child) => child.output ?? null);
		}
	}

	it("splits its task, delegates the parts by capability and gathers them in order", async (t) => {
		const muster = await startTest(t, {
			skills: [echo],
			customAgents: [new Doubler({ name: "doubler", capabilities: ["double"] })],
		});
		const done = await muster.wait(await muster.submit({ type: "double", input: [1, 2, 3] }));
		assert.deepEqual(done.output, [2, 4, 6]);
		assert.deepEqual(
			done.children,
			[0, 1, 2].map((i) => `${done.id}.${i}`),
		);
	});

	it("holds no slot while it waits", async (t) => {
		const started = deferred();
		const release = deferred();
		const slow = defineSkill({
			name: "echo",
			description: "Waits.",
			run: async () => {
				started.resolve();
				await release.promise;
				return 1;
			},
		});
		const muster = await startTest(t, {
			skills: [slow],
			customAgents: [new Doubler({ name: "doubler", capabilities: ["double"] })],
		});
		const id = await muster.submit({ type: "double", input: [1] });
		await started.promise;
		const seat = muster.agents().find((agent) => agent.name === "doubler");
		assert.equal(seat?.running, 0);
		assert.equal(muster.task(id).state, "waiting");
		assert.equal(muster.task(id).waiting?.reason, "children");
		release.resolve();
		assert.equal((await muster.wait(id)).state, "completed");
	});

	it("may delegate another round after it has seen the first", async (t) => {
		class TwoRounds extends Doubler {
			override gather(children: readonly ChildResult[]): Json | Delegation {
				if (children.length < 4)
					return new Delegation([
						{ type: "echo", input: "again" },
						{ type: "echo", input: "more" },
					]);
				return children.map((child) => child.output ?? null);
			}
		}
		const muster = await startTest(t, {
			skills: [echo],
			customAgents: [new TwoRounds({ name: "two", capabilities: ["double"] })],
		});
		const done = await muster.wait(await muster.submit({ type: "double", input: [1, 2] }));
		assert.deepEqual(done.output, [2, 4, "again", "more"]);
	});

	it("fails with the reason of a part that failed, or goes on without it, as its input says", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const tasks = [
			{ type: "echo", input: 1 },
			{ type: "echo", input: 2, deadline: 1 },
		];
		const strict = await muster.wait(await muster.submit({ type: "coordinate", input: { tasks }, retry: false }));
		assert.equal(strict.state, "failed");
		assert.match(strict.error?.message ?? "", /1 of 2 parts.*deadline/s);
		const lenient = await muster.wait(
			await muster.submit({ type: "coordinate", input: { tasks, onFailure: "continue" } }),
		);
		assert.deepEqual((lenient.output as { completed: number; failed: number }).failed, 1);
	});

	it("that delegates what cannot be submitted fails with that reason", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const input = { tasks: [{ type: "echo", nonsense: true }] };
		const done = await muster.wait(await muster.submit({ type: "coordinate", input, retry: false }));
		assert.equal(done.error?.code, "E_INPUT_INVALID");
	});
});

describe("a workflow run", () => {
	const definition: WorkflowDefinition = {
		name: "sum",
		inputs: { numbers: { type: "array" } },
		steps: [
			{
				id: "each",
				skill: "echo",
				needs: [],
				forEach: { in: "${{ inputs.numbers }}", as: "n" },
				with: "${{ n * 10 }}",
			},
			{ id: "all", skill: "echo", needs: ["each"], with: "${{ steps.each.outputs }}" },
		],
		outputs: { result: "${{ steps.all.output }}" },
	};

	it("runs its steps as tasks and ends with its outputs", async (t) => {
		const muster = await startTest(t, { skills: [echo], definitions: [definition] });
		const run = await muster.waitRun(await muster.startRun("sum", { numbers: [1, 2, 3] }));
		assert.equal(run.state, "completed");
		assert.deepEqual(run.outputs, { result: [10, 20, 30] });
		assert.deepEqual(
			muster.runTasks(run.id).map((task) => task.state),
			["completed", "completed", "completed", "completed"],
		);
	});

	it("gives each step the outputs of those it needs as what came before", async (t) => {
		const before: WorkflowDefinition = {
			...definition,
			steps: [...definition.steps.slice(0, 1), { id: "all", skill: "previous", needs: ["each"], with: null }],
		};
		const muster = await startTest(t, { skills: [echo, previous], definitions: [before] });
		const run = await muster.waitRun(await muster.startRun("sum", { numbers: [1, 2] }));
		assert.deepEqual(run.outputs, { result: [[10, 20]] });
	});

	it("with a wrong input is refused before anything starts", async (t) => {
		const muster = await startTest(t, { skills: [echo], definitions: [definition] });
		await assert.rejects(muster.startRun("sum", { number: [1] }), code("E_INPUT_INVALID"));
		assert.equal(muster.runs().items.length, 0);
	});

	it("of an unknown name is refused with the nearest known one", async (t) => {
		const muster = await startTest(t, { definitions: [definition] });
		await assert.rejects(
			muster.startRun("summ"),
			(error) => hasCode(error, "E_WORKFLOW_UNKNOWN") && /sum/.test(error.hint ?? ""),
		);
	});

	it("fails when a step fails for good, and its other steps do not start", async (t) => {
		const broken = defineSkill({
			name: "echo",
			description: "Fails.",
			run: () => {
				throw new TerminalError("no");
			},
		});
		const muster = await startTest(t, { skills: [broken], definitions: [definition] });
		const run = await muster.waitRun(await muster.startRun("sum", { numbers: [1] }));
		assert.equal(run.state, "failed");
		assert.equal(run.error?.code, "E_STEP_FAILED");
		assert.deepEqual(
			run.steps.map((step) => step.state),
			["failed", "not-started"],
		);
	});

	it("is shown as it goes on, and last when it is over", async (t) => {
		const muster = await startTest(t, { skills: [echo], definitions: [definition] });
		const states: string[] = [];
		const id = await muster.startRun("sum", { numbers: [1, 2] });
		for await (const view of muster.watchRun(id)) states.push(view.state);
		assert.equal(states.at(-1), "completed");
	});

	it("that is cancelled takes its running tasks along", async (t) => {
		const started = deferred();
		let aborted = false;
		const slow = defineSkill({
			name: "echo",
			description: "Runs until it is told to stop.",
			run: (_, context) => {
				started.resolve();
				return new Promise<Json>((_resolve, reject) => {
					context.signal.addEventListener("abort", () => {
						aborted = true;
						reject(context.signal.reason);
					});
				});
			},
		});
		const muster = await startTest(t, { skills: [slow], definitions: [definition] });
		const id = await muster.startRun("sum", { numbers: [1, 2, 3, 4] });
		await started.promise;
		await muster.cancel(id);
		assert.equal(aborted, true);
		assert.equal(muster.run(id).state, "cancelled");
		assert.deepEqual(
			muster.run(id).steps.map((step) => step.state),
			["cancelled", "not-started"],
		);
		assert.deepEqual([...new Set(muster.runTasks(id).map((task) => task.state))], ["cancelled"]);
		assert.equal(muster.status().taskQueue.running, 0);
	});
});

describe("the events", () => {
	it("are numbered without a gap, from the first to the newest", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const id = await muster.submit({ type: "echo" });
		await muster.wait(id);
		const seen: string[] = [];
		let expected = 1;
		for await (const event of muster.events()) {
			assert.equal(event.seq, expected++);
			seen.push(event.type);
			if (event.type === "task.completed") break;
		}
		assert.deepEqual(seen, ["epoch.started", "task.submitted", "task.started", "task.completed"]);
	});

	it("can be followed from a number on, and end with the orchestrator", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		const types: string[] = [];
		const reader = (async () => {
			for await (const event of muster.events({ after: 1 })) types.push(event.type);
		})();
		await muster.wait(await muster.submit({ type: "echo" }));
		await muster.shutdown();
		await reader;
		assert.equal(types[0], "task.submitted");
	});
});

describe("an agent", () => {
	it("that is removed ends what it has first", async (t) => {
		const started = deferred();
		const release = deferred();
		const slow = defineSkill({
			name: "slow",
			description: "Waits.",
			run: async () => {
				started.resolve();
				await release.promise;
				return "done";
			},
		});
		const muster = await startTest(t, { skills: [slow], workers: 1 });
		const id = await muster.submit({ type: "slow" });
		await started.promise;
		const removed = muster.removeAgent("worker-1");
		assert.equal(muster.agents().find((agent) => agent.name === "worker-1")?.state, "draining");
		release.resolve();
		await removed;
		assert.equal((await muster.wait(id)).state, "completed");
		assert.equal(
			muster.agents().some((agent) => agent.name === "worker-1"),
			false,
		);
	});
});

describe("a wait that ends too early", () => {
	it("says why the task is not over", async (t) => {
		const muster = await startTest(t);
		const id = await muster.submit({ type: "count-wrods" });
		await assert.rejects(muster.wait(id, { timeout: 10 }), /no agent can do count-wrods/);
	});
});

describe("the retries of a task", () => {
	it("are not used up by the rounds of a coordinator", async (t) => {
		let rounds = 0;
		class Patient extends CoordinatorAgent {
			override split() {
				return [{ type: "echo", input: 0 }];
			}
			override gather(): Json | Delegation {
				if (++rounds < 6) return new Delegation([{ type: "echo", input: rounds }]);
				if (rounds === 6) throw new RetryableError("once", { afterMs: 1 });
				return rounds;
			}
		}
		const patient = new Patient({ name: "patient", capabilities: ["patient"] });
		const muster = await startTest(t, { skills: [echo], customAgents: [patient] });
		const done = await muster.wait(await muster.submit({ type: "patient", retry: { maxAttempts: 2 } }));
		assert.equal(done.output, 7);
	});
});

describe("an agent that cannot start", () => {
	it("does not hold up the others, and works once it says that it lives", async (t) => {
		let up = false;
		class Late extends WorkerAgent {
			override start(): Promise<void> {
				return new Promise(() => undefined);
			}
			override async alive(): Promise<boolean> {
				return up;
			}
		}
		const late = new Late({ name: "late", skills: [echo], capabilities: ["late"] });
		const muster = await startTest(t, { skills: [echo], customAgents: [late], heartbeatMs: 10, leaseMs: 20 });
		assert.equal(muster.agents().find(({ name }) => name === "late")?.state, "unhealthy");
		const id = await muster.submit({ type: "echo", capabilities: ["late"], input: 1 });
		up = true;
		assert.equal((await muster.wait(id, { timeout: "5s" })).output, 1);
	});
});

describe("the status", () => {
	it("counts what was submitted as pending, running and over, and nothing else", async (t) => {
		const muster = await startTest(t, { skills: [echo] });
		await muster.submitMany([{ type: "echo" }, { type: "nobody-can" }, { type: "echo", delay: "1h" }]);
		const id = await muster.submit({ type: "echo" });
		await muster.wait(id);
		const { taskQueue: queue, totalAgents, workerAgents, coordinatorAgents } = muster.status();
		assert.equal(
			queue.submitted,
			queue.pending + queue.running + queue.completed + queue.failed + queue.cancelled + queue.skipped,
		);
		assert.deepEqual([queue.scheduled, queue.ready], [1, 1]);
		assert.deepEqual([totalAgents, workerAgents, coordinatorAgents], [3, 2, 1]);
	});
});
