import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { hasCode, TerminalError } from "../errors.ts";
import { decodeBody, type Event, encodeBody, encodeEvent } from "../events.ts";
import { UNUSED_DEFINITIONS_KEPT } from "../fold/runs.ts";
import { defineSkill } from "../skill/skill.ts";
import type { StepDefinition, WorkflowDefinition } from "../workflow/definition.ts";

const flow = (steps: StepDefinition[], more: Partial<WorkflowDefinition> = {}): WorkflowDefinition => ({
	...{ name: "flow", inputs: {}, steps, outputs: {} },
	...more,
});

/** A skill whose tasks wait until the gate opens, and one that gives back its input. */
async function open(t: TestContext) {
	const gate = Promise.withResolvers<void>();
	const began: string[] = [];
	const held = defineSkill({
		name: "held",
		description: "Waits for the gate.",
		async run(_, { task, signal }) {
			began.push(String(task.step));
			const aborted = new Promise<never>((_, reject) => {
				signal.addEventListener("abort", () => reject(signal.reason), { once: true });
			});
			await Promise.race([gate.promise, aborted]);
			return null;
		},
	});
	const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });
	const host = await MemoryHost.open(t, { skills: [held, echo] });
	return { host, began, release: () => gate.resolve() };
}

const held = (id: string, needs: string[] = [], more: Partial<StepDefinition> = {}): StepDefinition => ({
	...{ id, needs, skill: "held", with: {} },
	...more,
});

/** Changes events in the journal as no version of Muster would have written them. */
const damaged =
	(change: (event: Event) => Event) =>
	(batches: MemoryHost["store"]["batches"]): MemoryHost["store"]["batches"] =>
		batches.map((batch) => ({ ...batch, body: encodeBody(decodeBody(batch.body).map((e) => encodeEvent(change(e)))) }));

const renamed = (from: string, to: string) =>
	damaged((event) =>
		event.type === "workflow.defined"
			? (JSON.parse(JSON.stringify(event).replaceAll(`"${from}"`, `"${to}"`)) as Event)
			: event,
	);

describe("a run that does not fit its definition", () => {
	const definition = flow([held("first"), held("second", ["first"])]);

	it("is parked at the start with a named reason, and nothing is tried again and again", async (t) => {
		const { host } = await open(t);
		const id = await host.orchestrator.startRun(definition);
		await host.restart(renamed("first", "other"));
		const view = host.orchestrator.run(id);
		assert.equal(view.state, "parked");
		assert.equal(view.waiting?.reason, "misfit");
		assert.match(view.waiting?.text ?? "", /the definition has no steps at "first"/);
		const events = host.history().length;
		await host.pass(5_000);
		assert.ok(host.history().length - events <= 2, "more than the start of its task");
	});

	it("is parked when its definition is not in the journal", async (t) => {
		const { host } = await open(t);
		const id = await host.orchestrator.startRun(definition);
		await host.restart(damaged((event) => (event.type === "run.created" ? { ...event, hash: "gone" } : event)));
		assert.match(host.orchestrator.run(id).waiting?.text ?? "", /the definition gone .* is not in the journal/);
	});

	it("is tried again at the next start, and goes on when it fits", async (t) => {
		const { host, release, began } = await open(t);
		const id = await host.orchestrator.startRun(definition);
		await host.restart(renamed("first", "other"));
		release();
		await turns(20); // its task ends while it is parked
		assert.equal(host.orchestrator.run(id).state, "parked");
		await host.restart(renamed("other", "first"));
		assert.equal((await host.orchestrator.waitRun(id)).state, "completed");
		assert.equal(began.at(-1), "second");
	});

	it("takes the signal that it waits for, and goes on with it when it fits again", async (t) => {
		const { host } = await open(t);
		const wait: StepDefinition = { id: "first", needs: [], wait: { signal: "go" } };
		const id = await host.orchestrator.startRun(flow([wait]));
		await host.restart(renamed("first", "other"));
		await host.orchestrator.signal(id, "go");
		await host.restart(renamed("other", "first"));
		assert.equal((await host.orchestrator.waitRun(id)).state, "completed");
	});

	it("can be cancelled", async (t) => {
		const { host } = await open(t);
		const id = await host.orchestrator.startRun(definition);
		await host.restart(renamed("first", "other"));
		await host.orchestrator.cancel(id);
		assert.equal(host.orchestrator.run(id).state, "cancelled");
		assert.equal(host.orchestrator.status().taskQueue.running, 0);
	});

	it("holds up no event for others, when its filter meets what does not fit", async (t) => {
		const { host } = await open(t);
		const { orchestrator } = host;
		const first: StepDefinition = { id: "first", needs: [], skill: "echo", with: 1 };
		const filter = "event.data == steps.first.output";
		const second: StepDefinition = { id: "second", needs: ["first"], wait: { event: { type: "paid", filter } } };
		const old = await orchestrator.startRun(flow([first, second]));
		await turns(20);
		await orchestrator.cancel(old);
		const bad = await orchestrator.retryRun(old);
		const good = await orchestrator.startRun(flow([first, second], { name: "good" }));
		await turns(20);
		await host.restart(
			damaged((event) => {
				if (event.type !== "step.copied") return event;
				const { outputs: _, ...record } = event.record;
				return { ...event, record: record as typeof event.record };
			}),
		);
		assert.equal(host.orchestrator.run(bad).state, "running");
		assert.equal((await host.orchestrator.sendEvent({ type: "paid", data: 1 })).waits, 1);
		assert.equal((await host.orchestrator.waitRun(good)).state, "completed");
		assert.equal(host.orchestrator.run(bad).waiting?.reason, "misfit");
	});

	it("holds up no other run", async (t) => {
		const { host, release } = await open(t);
		const bad = await host.orchestrator.startRun(definition);
		const good = await host.orchestrator.startRun(flow([held("a"), held("b", ["a"])], { name: "good" }));
		await host.restart(renamed("first", "other"));
		release();
		assert.equal((await host.orchestrator.waitRun(good)).state, "completed");
		assert.equal(host.orchestrator.run(bad).state, "parked");
	});
});

/** Every order of some of the acts, each at most once. */
function* orders<T>(acts: readonly T[]): Generator<T[]> {
	yield [];
	for (const act of acts) for (const rest of orders(acts.filter((other) => other !== act))) yield [act, ...rest];
}

const EXPECTED = ["E_CONFLICT", "E_APPROVAL_UNKNOWN"] as const;

/**
 * Does acts in every order on a run of its own, with and without a pause between them.
 *
 * @param ends what each act makes of the run when it comes first: its state, and the code of its step's error
 */
async function race(
	t: TestContext,
	definition: WorkflowDefinition,
	ends: { readonly [act: string]: string | undefined },
	act: (name: string, world: Awaited<ReturnType<typeof open>>, id: string) => Promise<unknown> | unknown,
): Promise<void> {
	for (const order of orders(Object.keys(ends))) {
		const first = order.find((name) => ends[name] !== undefined);
		if (first === undefined) continue;
		for (const pause of [0, 20]) {
			const world = await open(t);
			const { host } = world;
			const id = await host.orchestrator.startRun(definition);
			await turns(10);
			const refused: Promise<unknown>[] = [];
			for (const name of order) {
				const done = Promise.resolve(act(name, world, id));
				refused.push(
					done.then(
						() => undefined,
						(error: unknown) => error,
					),
				);
				await turns(pause);
			}
			const where = `${order.join(", ")} (pause ${pause})`;
			const run = await host.orchestrator.waitRun(id);
			for (const error of await Promise.all(refused)) {
				assert.ok(error === undefined || EXPECTED.some((code) => hasCode(error, code)), `${where}: ${String(error)}`);
			}
			await turns(20); // what a step that is over left behind is cancelled after it
			const end = [run.state, run.error?.details?.code].filter((part) => part !== undefined).join(" ");
			// Without a pause a skill that returns and a clock that moves come after what was said at once.
			if (pause > 0) assert.equal(end, ends[first], where);
			else
				assert.ok(
					order.some((name) => ends[name] === end),
					`${where}: ${end}`,
				);
			checkHistory(host.history(), where);
		}
	}
}

/** Whatever happened, everything ended once. */
function checkHistory(history: readonly Event[], where: string): void {
	const ends = history.flatMap((event) =>
		/^(run\.(completed|failed|cancelled)|task\.(completed|failed|cancelled|skipped))$/.test(event.type) && "id" in event
			? [event.id]
			: [],
	);
	assert.equal(new Set(ends).size, ends.length, `${where}: something ended twice`);
	const begun = history.flatMap((event) =>
		event.type === "task.submitted" ? [event.task.id] : event.type === "run.created" ? [event.id] : [],
	);
	assert.deepEqual(
		begun.filter((id) => !ends.includes(id)),
		[],
		`${where}: something did not end`,
	);
}

describe("acts on one step in any order come to the one right state", () => {
	it("a task: return, timeout, cancel and run again", async (t) => {
		const once = { maxAttempts: 1, initialMs: 0, factor: 1, capMs: 0, jitter: "none" } as const;
		const ends = { return: "completed", timeout: "failed E_TIMEOUT", cancel: "cancelled", again: undefined };
		await race(t, flow([held("a", [], { timeoutMs: 100, retry: once })]), ends, (name, { host, release }, id) => {
			if (name === "return") return release();
			if (name === "timeout") return host.clock.advance(150);
			if (name === "cancel") return host.orchestrator.cancel(id);
			return host.orchestrator.retryRun(id).then((next) => host.orchestrator.cancel(next));
		});
	});

	it("a question: approve, deny, expire and cancel", async (t) => {
		const step: StepDefinition = { id: "a", needs: [], wait: { approval: { title: "Now?" }, timeoutMs: 100 } };
		const ends = {
			approve: "completed",
			deny: "failed E_DENIED",
			expire: "failed E_WAIT_EXPIRED",
			cancel: "cancelled",
		};
		await race(t, flow([step]), ends, (name, { host }, id) => {
			if (name === "expire") return host.clock.advance(150);
			if (name === "cancel") return host.orchestrator.cancel(id);
			return host.orchestrator[name as "approve" | "deny"](`${id}.a`);
		});
	});

	it("a wait for a signal: two signals, expire and cancel", async (t) => {
		const step: StepDefinition = { id: "a", needs: [], wait: { signal: "go", timeoutMs: 100 } };
		const ends = { signal: "completed", second: "completed", expire: "failed E_WAIT_EXPIRED", cancel: "cancelled" };
		await race(t, flow([step]), ends, (name, { host }, id) => {
			if (name === "expire") return host.clock.advance(150);
			return name === "cancel" ? host.orchestrator.cancel(id) : host.orchestrator.signal(id, "go", name);
		});
	});

	it("a group with a time limit: what is inside returns, its time passes, it is cancelled", async (t) => {
		const step: StepDefinition = { id: "a", needs: [], timeoutMs: 100, steps: [held("b"), held("c")] };
		const ends = { return: "completed", timeout: "failed E_TIMEOUT", cancel: "cancelled" };
		await race(t, flow([step]), ends, (name, { host, release }, id) => {
			if (name === "return") return release();
			return name === "timeout" ? host.clock.advance(150) : host.orchestrator.cancel(id);
		});
	});
});

describe("a run begun again on the present definition", () => {
	const version = (inner: string, more: Partial<StepDefinition> = {}): WorkflowDefinition =>
		flow(
			[
				{ id: "same", needs: [], skill: "note", with: {}, compensate: { skill: "note", with: {} } },
				{ id: "group", needs: [], steps: [{ id: inner, needs: [], skill: "note", with: {} }] },
				{ id: "after", needs: ["group"], skill: "note", with: {} },
				{ id: "last", needs: ["same", "after"], skill: "note", with: { fails: "${{ inputs.broken }}" }, ...more },
			],
			{ inputs: { broken: { type: "boolean", default: false } } },
		);

	async function openNotes(t: TestContext, present: WorkflowDefinition) {
		const began: string[] = [];
		const note = defineSkill<{ fails?: boolean }, null>({
			name: "note",
			description: "Notes its step, and fails when it is told to.",
			run({ fails }, { task }) {
				began.push(String(task.step));
				if (fails) throw new TerminalError("no ink");
				return null;
			},
		});
		return { began, host: await MemoryHost.open(t, { skills: [note], workflows: [present] }) };
	}

	it("does again what says something else now, with all that needs it, and undoes what it kept", async (t) => {
		const { host, began } = await openNotes(t, version("new"));
		const { orchestrator } = host;
		const id = await orchestrator.startRun(version("old"));
		await orchestrator.waitRun(id);
		began.length = 0;
		const again = await orchestrator.retryRun(id, { from: "last", latest: true, inputs: { broken: true } });
		await host.pass(1_000);
		const run = orchestrator.run(again);
		assert.deepEqual([run.state, run.error?.details?.step], ["failed", "last"]);
		assert.deepEqual(began, ["group.0.new", "after", "last", "same.compensate"]);
	});

	it("keeps all that completed when only what failed was changed", async (t) => {
		const { host, began } = await openNotes(t, version("old", { with: {} }));
		const { orchestrator } = host;
		const id = await orchestrator.startRun(version("old", { compensate: { skill: "note", with: {} } }), {
			broken: true,
		});
		await orchestrator.waitRun(id);
		began.length = 0;
		const again = await orchestrator.retryRun(id, { latest: true });
		assert.equal((await orchestrator.waitRun(again)).state, "completed");
		assert.deepEqual(began, ["same", "last"], "what was undone, and what failed");
	});

	it("does all of it again when nobody knows any more what it was", async (t) => {
		const { host, began } = await openNotes(t, version("old"));
		const { orchestrator } = host;
		const id = await orchestrator.startRun(version("old", { priority: "high" }));
		await orchestrator.waitRun(id);
		for (let n = 0; n <= UNUSED_DEFINITIONS_KEPT; n++) {
			await orchestrator.waitRun(await orchestrator.startRun({ ...version("old"), name: `other-${n}` }));
		}
		await assert.rejects(orchestrator.retryRun(id), { code: "E_WORKFLOW_UNKNOWN", hint: /all of it again/ });
		began.length = 0;
		const again = await orchestrator.retryRun(id, { latest: true, from: "last" });
		assert.equal((await orchestrator.waitRun(again)).state, "completed");
		assert.deepEqual(began.toSorted(), ["after", "group.0.old", "last", "same"]);
	});
});

describe("an item that its step did not wait for", () => {
	it("ends late without ending the list around it once more: the run ends when all of it has ended", async (t) => {
		const gates = { first: Promise.withResolvers<void>(), second: Promise.withResolvers<void>() };
		const gated = defineSkill<{ gate: "first" | "second"; fails?: boolean }, null>({
			name: "gated",
			description: "Waits for its gate.",
			async run({ gate, fails }) {
				await gates[gate].promise;
				if (fails) throw new TerminalError("no ink");
				return null;
			},
		});
		const host = await MemoryHost.open(t, { skills: [gated] });
		const review: StepDefinition = {
			...{ id: "review", needs: [], skill: "gated" },
			with: { gate: "${{ chapter == 0 && reader == 0 ? 'first' : 'second' }}" },
			forEach: { in: [0, 1], as: "reader", onFailure: { quorum: 1 } },
		};
		const edit: StepDefinition = { id: "edit", needs: [], steps: [review], forEach: { in: [0, 1], as: "chapter" } };
		const other: StepDefinition = { id: "other", needs: [], skill: "gated", with: { gate: "first", fails: true } };
		const id = await host.orchestrator.startRun(flow([edit, other]));
		await turns(20);
		// Chapter 0 has its one review, `other` fails, and then the second review of chapter 0 is cancelled.
		gates.first.resolve();
		await host.pass(1_000);
		const states = () => host.orchestrator.run(id).steps.map(({ id, state }) => `${id} ${state}`);
		assert.equal(host.orchestrator.run(id).state, "running");
		assert.deepEqual(states(), ["edit running", "edit.0.review completed", "edit.1.review running", "other failed"]);
		gates.second.resolve();
		const run = await host.orchestrator.waitRun(id);
		assert.deepEqual([run.state, run.error?.details?.step], ["failed", "other"]);
		assert.equal(states()[0], "edit completed");
		checkHistory(host.history(), "a stray");
	});
});

describe("answers to several questions of one run at once", () => {
	const ask = (id: string): StepDefinition => ({ id, needs: [], wait: { approval: { title: `May ${id}?` } } });

	it("end each of them, though the first one already decides the run", async (t) => {
		const { host } = await open(t);
		const id = await host.orchestrator.startRun(flow([ask("a"), ask("b")]));
		await host.orchestrator.deny([`${id}.a`, `${id}.b`]);
		assert.equal((await host.orchestrator.waitRun(id)).error?.details?.code, "E_DENIED");
		checkHistory(host.history(), "both denied");
	});

	it("complete all of them", async (t) => {
		const { host } = await open(t);
		const id = await host.orchestrator.startRun(flow([ask("a"), ask("b")]));
		await host.orchestrator.approve([`${id}.a`, `${id}.b`]);
		assert.equal((await host.orchestrator.waitRun(id)).state, "completed");
	});
});

describe("the journal of a run", () => {
	const chain = (length: number): WorkflowDefinition =>
		flow(
			Array.from({ length }, (_, n): StepDefinition => {
				const before = n === 0 ? [] : [`s${n - 1}`];
				const given = { text: "x".repeat(200_000), ...(n > 0 && { before: `$\{{ steps.s${n - 1}.output }}` }) };
				return { id: `s${n}`, needs: before, skill: "large", with: n === 0 ? {} : { before: given.before ?? "" } };
			}),
		);

	it("grows by the number of its steps and not by what they return", async (t) => {
		const large = defineSkill({ name: "large", description: "Returns 200 kB.", run: () => "x".repeat(200_000) });
		const host = await MemoryHost.open(t, { skills: [large] });
		const bytes = async (length: number): Promise<number> => {
			const before = host.store.batches.length;
			const { state } = await host.orchestrator.waitRun(await host.orchestrator.startRun(chain(length)));
			assert.equal(state, "completed");
			return host.store.batches.slice(before).reduce((sum, batch) => sum + batch.body.length, 0);
		};
		const [fifty, hundred] = [await bytes(50), await bytes(100)];
		assert.ok(hundred < 2.1 * fifty, `${hundred} bytes for 100 steps, ${fifty} for 50`);
		assert.ok(hundred < 100 * 2_000, `${hundred} bytes`);
	});
});
