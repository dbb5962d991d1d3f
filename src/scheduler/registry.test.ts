import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HandClock } from "../clock.ts";
import { hasCode } from "../errors.ts";
import { createState } from "../state.ts";
import { createTask, type NewTask, type Task } from "../task/task.ts";
import { Matcher } from "./matcher.ts";
import type { Performer } from "./performer.ts";
import { Registry, type Seat } from "./registry.ts";

const agent = (name: string, capabilities: string[], concurrency = 1): Performer => ({
	name,
	kind: "worker",
	capabilities,
	concurrency,
	start: async () => undefined,
	stop: async () => undefined,
	alive: async () => true,
	perform: async () => null,
});
const task = (id: string, type: string, more: Partial<Task> = {}): Task =>
	createTask({ id, type, input: null, priority: "normal", submittedAt: 0, ...more } as NewTask, "ready", 0);

function fleet(...agents: Performer[]): { registry: Registry; matcher: Matcher } {
	const registry = new Registry();
	for (const one of agents) registry.setState(registry.add(one), "ready");
	const parts = { registry, clock: new HandClock(), state: createState(), limits: { types: {} }, agingMs: 60_000 };
	return { registry, matcher: new Matcher({ ...parts, wakeIn: () => undefined }) };
}

describe("the matcher", () => {
	it("never gives an agent more than it can hold, and always the least loaded capable one", () => {
		const command = fc.oneof(
			fc.record({ do: fc.constant("offer" as const), type: fc.constantFrom("a", "b", "c"), pick: fc.nat() }),
			fc.record({ do: fc.constant("finish" as const), type: fc.constant(""), pick: fc.nat() }),
		);
		fc.assert(
			fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
				const { registry, matcher } = fleet(
					agent("a1", ["a"], 2),
					agent("a2", ["a"], 2),
					agent("ab", ["a", "b"], 3),
					agent("b1", ["b"]),
				);
				const held: { seat: Seat; task: Task }[] = [];
				for (const [i, { do: verb, type, pick }] of commands.entries()) {
					if (verb === "offer") matcher.offer(task(`t${i}`, type));
					else if (held.length > 0) registry.giveBack((held.splice(pick % held.length, 1)[0] as { seat: Seat }).seat);
					for (let match = matcher.next(); match !== undefined; match = matcher.next()) {
						const { seat } = match;
						assert.ok(seat.running <= seat.performer.concurrency);
						assert.ok(seat.performer.capabilities.includes(match.task.type));
						const share = (seat.running - 1) / seat.performer.concurrency;
						for (const other of registry.seats) {
							const free = other.running < other.performer.concurrency && other !== seat;
							if (!free || !other.performer.capabilities.includes(match.task.type)) continue;
							assert.ok(share <= other.running / other.performer.concurrency, `${seat.name} before ${other.name}`);
						}
						held.push(match);
					}
				}
			}),
		);
	});

	it("gives the highest priority first, and equal ones in the order they became ready", () => {
		const { matcher, registry } = fleet(agent("w", ["a", "b"]));
		matcher.offer(task("low", "a", { priority: "low" }));
		matcher.offer(task("first", "b"));
		matcher.offer(task("second", "a"));
		matcher.offer(task("critical", "b", { priority: "critical" }));
		const order: string[] = [];
		for (let match = matcher.next(); match !== undefined; match = matcher.next()) {
			order.push(match.task.id);
			registry.giveBack(match.seat);
		}
		assert.deepEqual(order, ["critical", "first", "second", "low"]);
	});

	it("does not let a task that nobody can do hold up others", () => {
		const { matcher, registry } = fleet(agent("w", ["a"]));
		matcher.offer(task("nobody", "z", { priority: "critical" }));
		matcher.offer(task("doable", "a"));
		assert.equal(matcher.next()?.task.id, "doable");
		assert.equal(matcher.next(), undefined);
		registry.setState(registry.add(agent("z", ["z"])), "ready");
		assert.equal(matcher.next()?.task.id, "nobody");
	});

	it("asks for every capability of a task", () => {
		const { matcher, registry } = fleet(agent("plain", ["a"]));
		matcher.offer(task("t", "a", { capabilities: ["gpu"] }));
		assert.equal(matcher.next(), undefined);
		registry.setState(registry.add(agent("special", ["a", "gpu"])), "ready");
		assert.equal(matcher.next()?.seat.name, "special");
	});

	it("spreads work over agents that are equally loaded", () => {
		const { matcher, registry } = fleet(agent("w1", ["a"]), agent("w2", ["a"]), agent("w3", ["a"]));
		const used = new Set<string>();
		for (let i = 0; i < 3; i++) {
			matcher.offer(task(`t${i}`, "a"));
			const match = matcher.next();
			used.add(match?.seat.name ?? "");
			if (match) registry.giveBack(match.seat);
		}
		assert.equal(used.size, 3);
	});

	it("gives nothing to an agent that drains or is unhealthy", () => {
		const { matcher, registry } = fleet(agent("w1", ["a"]), agent("w2", ["a"]));
		registry.setState(registry.get("w1") as Seat, "draining");
		registry.setState(registry.get("w2") as Seat, "unhealthy");
		matcher.offer(task("t", "a"));
		assert.equal(matcher.next(), undefined);
		registry.setState(registry.get("w2") as Seat, "ready");
		assert.equal(matcher.next()?.seat.name, "w2");
	});
});

describe("the registry", () => {
	it("refuses a second agent of the same name", () => {
		const { registry } = fleet(agent("w", ["a"]));
		assert.throws(
			() => registry.add(agent("w", ["b"])),
			(error) => hasCode(error, "E_CONFLICT"),
		);
	});

	it("knows whether anybody could do a type", () => {
		const { registry } = fleet(agent("w", ["a"]));
		assert.equal(registry.canDo("a", undefined), true);
		assert.equal(registry.canDo("b", undefined), false);
		registry.remove(registry.get("w") as Seat);
		assert.equal(registry.canDo("a", undefined), false);
	});
});
