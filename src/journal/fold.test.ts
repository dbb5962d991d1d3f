/** I13: the fold from zero, the snapshot with its tail and the live state are one and the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { decodeBody, type Event, encodeBody, encodeEvent } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type State } from "../state.ts";
import { isTerminal, type Task } from "../task/task.ts";
import { asData, foldOf } from "./conformance.ts";
import { listSnapshots, readSnapshot, writeSnapshot } from "./snapshot.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-fold-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const sink = { task: () => undefined, run: () => undefined };
const error = { code: "E_SKILL_FAILED", message: "no", retryable: true } as const;
const definition = { name: "w", inputs: {}, steps: [], outputs: {} };

/** Builds a legal history step by step; what is legal it asks the state it folds itself. */
class Story {
	readonly state: State = createState();
	readonly lines: string[] = [];
	#n = 0;
	#token = 0;
	#at = 1_700_000_000_000;

	tell(event: Event): void {
		this.lines.push(encodeEvent(event));
		apply(this.state, JSON.parse(encodeEvent(event)) as Event, sink);
	}

	step(action: number, pick: number, text: string): unknown {
		const at = ++this.#at;
		const live = [...this.state.tasks.values()].filter((task) => !isTerminal(task.state));
		const one = (state: Task["state"]): Task | undefined => {
			const those = live.filter((task) => task.state === state);
			return those[pick % Math.max(1, those.length)];
		};
		const running = one("running");
		const held = running && { at, id: running.id, token: running.token as number };
		const any = live[pick % Math.max(1, live.length)];
		switch (action) {
			case 0:
			case 1:
			case 2:
				return this.#submit(at, pick, text);
			case 3:
			case 4:
			case 5: {
				const next = one("ready") ?? one("scheduled");
				if (next === undefined) return this.#submit(at, pick, text);
				return this.tell({ type: "task.started", at, id: next.id, token: ++this.#token, agent: text });
			}
			case 6:
			case 7:
				return held && this.tell({ type: "task.completed", ...held, output: { text } });
			case 8:
				return held && this.tell({ type: "task.retrying", ...held, error, runAt: at + (pick % 5) });
			case 9:
				return held && this.tell({ type: "task.reoffered", ...held, error, crash: pick % 2 === 0 });
			case 10:
				return held && this.#delegate(held, pick);
			case 11:
				return held && this.tell({ type: "task.failed", ...held, error });
			case 12:
				return any && this.tell({ type: "task.cancelled", at, id: any.id, error });
			case 13: {
				const blocked = one("blocked");
				return blocked && this.tell({ type: "task.skipped", at, id: blocked.id, error });
			}
			case 14:
				return running && this.#effect(at, running.id, pick, text);
			default:
				return this.#run(at, pick);
		}
	}

	#submit(at: number, pick: number, text: string): void {
		const id = `t${++this.#n}`;
		const known = [...this.state.tasks.values()].filter(
			(task) => !isTerminal(task.state) || task.state === "completed",
		);
		const dependsOn = known.filter((_, i) => (pick >> (i % 8)) % 3 === 0).map((task) => task.id);
		const task = { id, type: "echo", input: { text }, priority: "normal", submittedAt: at } as const;
		const more = {
			...(dependsOn.length > 0 && pick % 2 === 0 && { dependsOn }),
			...(pick % 5 === 0 && { runAt: at + (pick % 7) }),
			...(pick % 7 < 3 && { rate: { key: `${pick % 4}`, limit: 3, perMs: 10, burst: 2 } }),
			...(pick % 3 === 0 && { idempotencyKey: `${text}-${id}`, fingerprint: "f" }),
		};
		this.tell({ type: "task.submitted", at, task: { ...task, ...more } });
	}

	#delegate(held: { at: number; id: string; token: number }, pick: number): void {
		const before = this.state.tasks.get(held.id)?.children?.length ?? 0;
		const children = Array.from({ length: 1 + (pick % 3) }, (_, i) => `${held.id}.${before + i}`);
		for (const id of children) {
			const task = { id, type: "echo", input: null, priority: "low", submittedAt: held.at, parent: held.id } as const;
			this.tell({ type: "task.submitted", at: held.at, task });
		}
		this.tell({ type: "task.waiting", ...held, children });
	}

	#effect(at: number, id: string, pick: number, text: string): void {
		const key = `e${pick % 3}`;
		const change = ["intended", "done", "failed", "ambiguous"][pick % 4];
		if (change === "intended") this.tell({ type: "effect.intended", at, id, key, describe: text });
		else if (change === "done") this.tell({ type: "effect.done", at, id, key, result: text });
		else if (change === "failed") this.tell({ type: "effect.failed", at, id, key, error });
		else this.tell({ type: "effect.ambiguous", at, id, key });
	}

	#run(at: number, pick: number): unknown {
		const runs = [...this.state.runs.values()];
		const run = runs[pick % Math.max(1, runs.length)];
		if (run === undefined || pick % 3 === 0) {
			const id = `r${++this.#n}`;
			const hash = `h${pick % 4}`;
			this.tell({ type: "workflow.defined", at, hash, definition });
			return this.tell({ type: "run.created", at, id, workflow: "w", hash, inputs: {} });
		}
		const step = `s${Object.keys(run.steps).length}`;
		if (pick % 3 === 1) {
			const total = pick % 4;
			this.tell({ type: "step.started", at, run: run.id, step, each: true, total });
			for (let index = 0; index < total; index++) {
				const place = { id: run.id, step, index };
				const task = { id: `${run.id}.${step}.${index}`, type: "echo", input: null, run: place } as const;
				this.tell({ type: "task.submitted", at, task: { ...task, priority: "high", submittedAt: at } });
			}
		} else if (pick % 2 === 0) this.tell({ type: "step.skipped", at, run: run.id, step });
		else this.tell({ type: "run.completed", at, id: run.id, outputs: {} });
		return undefined;
	}
}

const hostile = fc.oneof(
	fc.string({ unit: "binary" }),
	fc.string({ unit: "grapheme-composite" }),
	fc.constantFrom("\ud800", "\udfff\ud800", "\u0000", "\u2028", '"', "\\", "__proto__", "</script>", "\r\n", ""),
);
const steps = fc.array(fc.tuple(fc.nat(15), fc.nat(1_000), hostile), { minLength: 1, maxLength: 120 });

function tell(plot: readonly [number, number, string][]): Story {
	const story = new Story();
	for (const [action, pick, text] of plot) story.step(action, pick, text);
	return story;
}

test("the fold from zero, the snapshot with its tail and the live state are the same", () => {
	fc.assert(
		fc.property(steps, fc.nat(1_000), (plot, cut) => {
			const { state, lines } = tell(plot);
			assert.deepEqual(asData(foldOf(lines)), asData(state));
			const at = lines.length === 0 ? 0 : cut % lines.length;
			const anchor = { seq: cut + 1, lastEvent: at, hash: Buffer.alloc(32) };
			writeSnapshot(folder, { state: foldOf(lines.slice(0, at)), anchor });
			const path = listSnapshots(folder)[0]?.path as string;
			const restored = readSnapshot(path);
			rmSync(path);
			assert.deepEqual(restored.anchor, anchor);
			for (const line of lines.slice(at)) apply(restored.state, JSON.parse(line) as Event, sink);
			assert.deepEqual(asData(restored.state), asData(state));
		}),
		{ numRuns: 300 },
	);
});

test("submitted tasks are live or over, each counted once, after every event", () => {
	fc.assert(
		fc.property(steps, (plot) => {
			const story = new Story();
			for (const [action, pick, text] of plot) {
				story.step(action, pick, text);
				const { counts, tasks } = story.state;
				const live = tasks.values().filter((task) => !isTerminal(task.state));
				const over = counts.completed + counts.failed + counts.cancelled + counts.skipped;
				assert.equal(counts.submitted, [...live].length + over);
			}
		}),
		{ numRuns: 200 },
	);
});

test("a task in memory is live, or something live still needs it", () => {
	fc.assert(
		fc.property(steps, (plot) => {
			const { state } = tell(plot);
			for (const task of state.tasks.values()) {
				if (!isTerminal(task.state)) continue;
				const parent = task.parent === undefined ? undefined : state.tasks.get(task.parent);
				const needed = parent !== undefined && !isTerminal(parent.state);
				assert.ok(needed || state.dependents.has(task.id), `${task.id} is ${task.state} and nobody needs it`);
			}
		}),
		{ numRuns: 200 },
	);
});

test("a key stands for its task for as long as the task is in memory", () => {
	fc.assert(
		fc.property(steps, (plot) => {
			const { state } = tell(plot);
			for (const task of state.tasks.values()) {
				if (task.idempotencyKey !== undefined) assert.equal(state.keys.get(task.idempotencyKey), task.id);
			}
			for (const id of state.keys.values()) assert.ok(state.tasks.has(id));
		}),
		{ numRuns: 200 },
	);
});

test("a batch is decoded to what was encoded, whatever the texts are", () => {
	fc.assert(
		fc.property(fc.array(fc.tuple(hostile, fc.jsonValue({ noUnicodeString: false }))), (items) => {
			const events = items.map(([text, value], i): Event => {
				const output = { [text === "__proto__" ? "proto" : text]: value as never };
				return { type: "task.completed", at: i, id: text, token: i, output };
			});
			const body = encodeBody(events.map(encodeEvent));
			assert.deepEqual(decodeBody(body), JSON.parse(JSON.stringify(events)));
		}),
		{ numRuns: 300 },
	);
});
