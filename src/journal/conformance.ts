/**
 * What every journal must do, written against the port alone. An adapter's test file is a call of this and its specials.
 *
 * `knownGaps` names tests an adapter does not pass, each with the reason; a gap that passes fails the run.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hasCode } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type Sink, type State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Journal, OpenJournal } from "./journal.ts";

/** One store, opened as often as a test wants; never twice at once. */
export interface JournalUnderTest {
	open(sink: Sink): Promise<OpenJournal>;
	/** From now on there is no space (true), or there is again (false). */
	setFull(full: boolean): void;
	/** From now on nothing can be written any more, for another reason than space. */
	breakIt(): void;
	/** Waits until the journal has tried again after there was no space. */
	passTime(): Promise<void>;
}

export interface ConformanceOptions {
	name: string;
	create(t: TestContext): JournalUnderTest | Promise<JournalUnderTest>;
	knownGaps?: Readonly<Record<string, string>>;
}

type Run = (under: JournalUnderTest, t: TestContext) => Promise<void>;

const AT = 1_700_000_000_000;
const silent: Sink = { task: () => undefined, run: () => undefined };

export const submitted = (id: string, more: object = {}): Event => ({
	type: "task.submitted",
	at: AT,
	task: { id, type: "echo", input: null, priority: "normal", submittedAt: AT, ...more },
});
export const started = (id: string, token: number): Event => ({ type: "task.started", at: AT, id, token, agent: "a" });
export const completed = (id: string, token: number, at = AT): Event => ({
	...{ type: "task.completed", at, id, token, output: { of: id } },
});
const failed = (id: string, at = AT): Event => ({
	...{ type: "task.failed", at, id, error: { code: "E_SKILL_FAILED", message: "no", retryable: false } },
});

export const lines = (...events: Event[]): string[] => events.map(encodeEvent);

/** Everything the journal holds. */
export async function readAll(journal: Journal): Promise<string[]> {
	const events = await journal.read(0, Number.MAX_SAFE_INTEGER);
	return events.map(({ seq: _, ...event }) => encodeEvent(event as Event));
}

/** The fold of the given lines, made here. */
export function foldOf(all: readonly string[]): State {
	const state = createState();
	for (const line of all) apply(state, JSON.parse(line) as Event, silent);
	return state;
}

/** As data, so that what JSON cannot tell apart is the same. */
export const asData = (state: State): unknown =>
	JSON.parse(
		JSON.stringify({
			...state,
			tasks: [...state.tasks.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
			dependents: [...state.dependents].map(([id, set]) => [id, [...set].sort()]).sort(),
			keys: [...state.keys].sort(),
			runs: [...state.runs.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
			definitions: [...state.definitions.keys()].sort(),
			uses: [...state.uses].sort(),
			rates: [...state.rates],
		}),
	);

/** Register before anything is appended; then wait for a batch. */
function watchProjection({ onProjected }: OpenJournal): (least: number) => Promise<void> {
	let projected = 0;
	let wake = (): void => undefined;
	onProjected((seq) => {
		projected = seq;
		wake();
	});
	return async (least) => {
		while (projected < least) {
			const { promise, resolve } = Promise.withResolvers<void>();
			wake = resolve;
			await promise;
		}
	};
}

const tests: Record<string, Run> = {
	async "a new journal is empty"(under) {
		const { journal, state, seq } = await under.open(silent);
		assert.equal(journal.lastEvent, 0);
		assert.equal(seq, 0);
		assert.equal(state.tasks.size, 0);
		assert.deepEqual(await journal.read(0, 10), []);
		await journal.close();
	},

	async "events are read in the order of append, numbered from 1 without a gap"(under) {
		const { journal } = await under.open(silent);
		const all = Array.from({ length: 20 }, (_, i) => lines(submitted(`a${i}`), submitted(`b${i}`)));
		await Promise.all(all.map((group) => journal.append(group, "request").durable));
		assert.deepEqual(await readAll(journal), all.flat());
		const events = await journal.read(0, 100);
		assert.deepEqual(
			events.map(({ seq }) => seq),
			Array.from({ length: 40 }, (_, i) => i + 1),
		);
		await journal.close();
	},

	async "reading begins after the given number and ends at the limit, also inside a batch"(under) {
		const { journal } = await under.open(silent);
		for (let i = 0; i < 5; i++) await journal.append(lines(submitted(`a${i}`), submitted(`b${i}`)), "fact").durable;
		const seqs = async (after: number, limit: number) => (await journal.read(after, limit)).map(({ seq }) => seq);
		assert.deepEqual(await seqs(0, 3), [1, 2, 3]);
		assert.deepEqual(await seqs(3, 3), [4, 5, 6]);
		assert.deepEqual(await seqs(9, 3), [10]);
		assert.deepEqual(await seqs(10, 3), []);
		assert.deepEqual(await seqs(99, 3), []);
		await journal.close();
	},

	async "J2: nothing resolves before what was appended earlier"(under) {
		const { journal } = await under.open(silent);
		const order: number[] = [];
		const kinds = ["note", "fact", "request"] as const;
		const waits = Array.from({ length: 60 }, async (_, i) => {
			if (i % 7 === 6) await new Promise<void>((resolve) => setImmediate(resolve));
			const at = order.length;
			const seq = await journal.append(lines(submitted(`t${i}`)), kinds[i % 3] as "fact").durable;
			order.push(seq);
			assert.ok(order.length > at);
		});
		await under.passTime();
		await Promise.all(waits);
		assert.deepEqual(
			order,
			order.toSorted((a, b) => a - b),
		);
		await journal.close();
	},

	async "J3: what was durable is there when it is opened again, and the state is its fold"(under) {
		const first = await under.open(silent);
		const all = [
			lines(submitted("a"), submitted("b", { dependsOn: ["a"] }), submitted("c", { idempotencyKey: "k" })),
			lines(started("a", 1)),
			lines(completed("a", 1), started("b", 2)),
		];
		for (const group of all) await first.journal.append(group, "fact").durable;
		await first.journal.close();
		const second = await under.open(silent);
		assert.deepEqual(await readAll(second.journal), all.flat());
		assert.deepEqual(asData(second.state), asData(foldOf(all.flat())));
		assert.equal(second.journal.lastEvent, all.flat().length);
		await second.journal.close();
	},

	async "numbers go on where they were when it is opened again"(under) {
		const first = await under.open(silent);
		const seq = await first.journal.append(lines(submitted("a")), "fact").durable;
		await first.journal.close();
		const second = await under.open(silent);
		assert.equal(second.seq, seq);
		assert.equal(await second.journal.append(lines(submitted("b")), "fact").durable, seq + 1);
		assert.deepEqual(
			(await second.journal.read(0, 9)).map((event) => event.seq),
			[1, 2],
		);
		await second.journal.close();
	},

	async "closing waits for facts and notes that nobody waited for"(under) {
		const first = await under.open(silent);
		const all = [...lines(submitted("a")), ...lines(submitted("b")), ...lines(started("a", 1))];
		void first.journal.append([all[0] as string], "fact").durable;
		void first.journal.append([all[1] as string], "request").durable;
		void first.journal.append([all[2] as string], "note").durable;
		await first.journal.close();
		const second = await under.open(silent);
		assert.deepEqual(await readAll(second.journal), all);
		await second.journal.close();
	},

	async "the number of the last event counts only what is durable"(under) {
		const { journal } = await under.open(silent);
		const { durable } = journal.append(lines(submitted("a")), "fact");
		assert.equal(journal.lastEvent, 0);
		await durable;
		assert.equal(journal.lastEvent, 1);
		await journal.close();
	},

	async "any text and number comes back as it was"(under) {
		const first = await under.open(silent);
		const input = {
			texts: [
				"",
				"\u0000",
				"\ud800 alone",
				"\u2028\u2029",
				"😀",
				'"\\\n',
				"</script>",
				"é",
				"e\u0301",
				"x".repeat(70_000),
			],
			numbers: [0, -1, 1e308, 5e-324, 2 ** 53, 0.1, -0.5],
			'a key with " and \n': { "": [] },
		};
		const group = lines(submitted("a", { input }));
		await first.journal.append(group, "request").durable;
		assert.deepEqual(await readAll(first.journal), group);
		await first.journal.close();
		const second = await under.open(silent);
		assert.deepEqual(second.state.tasks.get("a")?.input, input);
		await second.journal.close();
	},

	async "the history holds what is over, newest first and no more than asked for"(under) {
		const open = await under.open(silent);
		const { journal, history } = open;
		const projectedTo = watchProjection(open);
		const ids = ["t1", "t2", "t3", "t4"];
		const setUp = lines(...ids.map((id, i) => submitted(id, i === 3 ? {} : { idempotencyKey: `key-${id}` })));
		await journal.append(setUp, "fact").durable;
		const seq = await journal.append(
			lines(started("t1", 1), completed("t1", 1, AT + 1), failed("t2", AT + 2), failed("t3", AT + 3)),
			"fact",
		).durable;
		await projectedTo(seq);
		assert.equal(history.task("t1")?.state, "completed");
		assert.deepEqual(history.task("t1")?.output, { of: "t1" });
		assert.equal(history.task("t4"), undefined);
		assert.equal(history.task("nobody"), undefined);
		assert.equal(history.taskByKey("key-t2")?.id, "t2");
		assert.equal(history.taskByKey("t2"), undefined);
		const names = (tasks: Task[]) => tasks.map(({ id }) => id);
		assert.deepEqual(names(history.latestTasks(9)), ["t3", "t2", "t1"]);
		assert.deepEqual(names(history.latestTasks(2)), ["t3", "t2"]);
		assert.deepEqual(names(history.deadLetters({ limit: 9 })), ["t3", "t2"]);
		assert.deepEqual(names(history.deadLetters({ limit: 1 })), ["t3"]);
		assert.deepEqual(names(history.deadLetters({ limit: 9, type: "nothing" })), []);
		assert.deepEqual(names(history.deadLetters({ limit: 9, code: "E_TIMEOUT" })), []);
		const again = [encodeEvent({ type: "task.redriven", at: AT + 4, id: "t3", as: "t3.r" })];
		await projectedTo(await journal.append(again, "fact").durable);
		assert.deepEqual(names(history.deadLetters({ limit: 9 })), ["t2"]);
		assert.equal(history.task("t3")?.state, "failed");
		await journal.close();
	},

	async "a dead letter that is put away while its parent lives stays so, also when the parent ends after another start"(
		under,
	) {
		const dead = (open: OpenJournal) => open.history.deadLetters({ limit: 9 }).map(({ id }) => id);
		const first = await under.open(silent);
		const child = (id: string) => submitted(id, { parent: "p" });
		const asks: Event = { type: "task.waiting", at: AT, id: "p", token: 1, children: ["a", "b", "c"] };
		const setUp = [submitted("p"), started("p", 1), child("a"), child("b"), child("c"), asks, failed("a"), failed("b")];
		await first.journal.append(lines(...setUp), "fact").durable;
		await first.journal.append(lines({ type: "task.redriven", at: AT, id: "a" }), "fact").durable;
		await first.journal.close();
		const second = await under.open(silent);
		const projectedTo = watchProjection(second);
		const end = await second.journal.append(lines(failed("c"), started("p", 2), completed("p", 2)), "fact").durable;
		await projectedTo(end);
		assert.equal(second.history.task("a")?.state, "failed");
		assert.deepEqual(dead(second), ["c", "b"]);
		await second.journal.close();
	},

	async "the history knows runs and their tasks"(under) {
		const open = await under.open(silent);
		const { journal, history } = open;
		const projectedTo = watchProjection(open);
		const definition = { name: "w", inputs: {}, steps: [], outputs: {} };
		const run = (id: string): Event => ({ type: "run.created", at: AT, id, workflow: "w", hash: "h", inputs: {} });
		const step = (index: number) => submitted(`r1.s.${index}`, { run: { id: "r1", step: "s", index } });
		const begin: Event = { type: "step.started", at: AT, run: "r1", step: "s", each: true, total: 2 };
		await journal.append(
			lines({ type: "workflow.defined", at: AT, hash: "h", definition }, run("r1"), run("r2"), begin, step(0), step(1)),
			"request",
		).durable;
		const end = (id: string): Event => ({ type: "run.completed", at: AT, id, outputs: { of: id } });
		const seq = await journal.append(lines(failed("r1.s.0"), failed("r1.s.1"), end("r1"), end("r2")), "fact").durable;
		await projectedTo(seq);
		assert.deepEqual(history.run("r1")?.outputs, { of: "r1" });
		assert.equal(history.run("r1")?.steps.s?.failed, 2);
		assert.equal(history.run("r9"), undefined);
		assert.deepEqual(
			history.latestRuns(9).map(({ id }) => id),
			["r2", "r1"],
		);
		assert.equal(history.latestRuns(1).length, 1);
		await journal.close();
	},

	async "what ended is in the history or told to the sink when it is opened again"(under) {
		const first = await under.open(silent);
		await first.journal.append(lines(submitted("a"), failed("a")), "fact").durable;
		await first.journal.close();
		const told: string[] = [];
		const second = await under.open({ task: ({ id }) => void told.push(id), run: () => undefined });
		const projectedTo = watchProjection(second);
		assert.ok(told.includes("a") || second.history.task("a") !== undefined);
		await projectedTo(second.seq);
		assert.equal(second.history.task("a")?.state, "failed");
		await second.journal.close();
	},

	async "J4: without space a request is refused and leaves no trace, and facts are kept and written later"(under) {
		const { journal } = await under.open(silent);
		const large = "x".repeat(200_000);
		await journal.append(lines(submitted("a")), "request").durable;
		under.setFull(true);
		const refused = journal.append(lines(submitted("b", { input: large })), "request").durable;
		await assert.rejects(refused, (error) => hasCode(error, "E_STORAGE_FULL"));
		const kept = journal.append(lines(submitted("c", { input: large })), "fact").durable;
		let isThere = false;
		void kept.then(() => {
			isThere = true;
		});
		await under.passTime();
		assert.equal(isThere, false);
		assert.equal(journal.full, true);
		assert.throws(
			() => journal.append(lines(submitted("d", { input: large })), "request"),
			(error) => hasCode(error, "E_STORAGE_FULL"),
		);
		under.setFull(false);
		await Promise.all([kept, under.passTime()]);
		assert.equal(journal.full, false);
		await journal.append(lines(submitted("e")), "request").durable;
		assert.deepEqual(
			(await journal.read(0, 9)).map((event) => (event as { task: { id: string } }).task.id),
			["a", "c", "e"],
		);
		await journal.close();
	},

	async "J4: when only requests waited for space, they are taken again once there is some"(under) {
		const { journal } = await under.open(silent);
		under.setFull(true);
		const refused = journal.append(lines(submitted("a", { input: "x".repeat(200_000) })), "request").durable;
		await assert.rejects(refused, (error) => hasCode(error, "E_STORAGE_FULL"));
		under.setFull(false);
		await under.passTime();
		await journal.append(lines(submitted("b")), "request").durable;
		assert.deepEqual(await readAll(journal), lines(submitted("b")));
		await journal.close();
	},

	async "J5: after another failure nothing is acknowledged any more, and what was before is there"(under) {
		const { journal } = await under.open(silent);
		await journal.append(lines(submitted("a")), "fact").durable;
		under.breakIt();
		const refuses = (error: unknown): boolean => hasCode(error, "E_JOURNAL_FAILED");
		await assert.rejects(journal.append(lines(submitted("b")), "fact").durable, refuses);
		for (const kind of ["fact", "note", "request"] as const) {
			assert.throws(() => journal.append(lines(submitted("c")), kind), refuses);
		}
		assert.equal(journal.lastEvent, 1);
		await journal.close();
	},
};

/** Those that need a disk to fill. */
export const fullTests = Object.keys(tests).filter((title) => title.startsWith("J4"));

export function journalConformance({ name, create, knownGaps = {} }: ConformanceOptions): void {
	for (const [title, run] of Object.entries(tests)) {
		const reason = knownGaps[title];
		const full = `${name}: ${title}`;
		if (reason === undefined) test(full, async (t) => run(await create(t), t));
		else
			test(`${full} (known gap: ${reason})`, async (t) => {
				const under = await create(t);
				await assert.rejects(run(under, t), "the gap is closed: take it off the list");
			});
	}
	for (const title of Object.keys(knownGaps)) assert.ok(Object.hasOwn(tests, title), `no test is called "${title}"`);
}
