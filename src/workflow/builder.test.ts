/** Each construct in TypeScript against the YAML file that says the same, and a run of a built workflow. */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { z } from "zod";
import { startTest } from "../../test/fixture.ts";
import { defineSkill, defineWorkflow, expr, subWorkflow, task, text, use } from "../index.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { definitionHash } from "./hash.ts";
import { parseWorkflow } from "./yaml.ts";

/** The definition of a YAML file, whose head is added. */
const yaml = (rest: string): WorkflowDefinition =>
	parseWorkflow(`apiVersion: muster/v1\nkind: Workflow\nname: w\n${rest}`, "w.yaml");

function same(built: WorkflowDefinition, rest: string): void {
	const read = yaml(rest);
	assert.deepEqual(JSON.parse(JSON.stringify(built)), read);
	assert.deepEqual({ ...built }, read);
	assert.equal(definitionHash(built), definitionHash(read));
}

const writing = defineSkill<{ topic: string; words: number }, { article: string; score: number }>({
	name: "writing",
	description: "Writes.",
	run: ({ topic }) => ({ article: `on ${topic}`, score: 1 }),
});
const topic = z.object({ topic: z.string() });

describe("the same definition as the YAML file that says the same", () => {
	it("inputs, with what a zod object can say of them", () => {
		const inputs = z.object({
			a: z.string().describe("A text"),
			b: z.int().min(1).max(5).default(3),
			c: z.number().int(),
			d: z.number().min(0.5).min(0),
			e: z.boolean().default(false).describe("Yes or no"),
			f: z.array(z.string()).default([]),
			g: z.object({ x: z.number() }),
			h: z.enum(["x", "y"]).default("x"),
			i: z.string().meta({ format: "path" }).default("a.csv"),
		});
		const built = defineWorkflow("w", { inputs, version: "1.0.0", description: "d", labels: { team: "a" } })
			.step("s", ({ inputs }) => task("work", { all: inputs.g.x, first: inputs.f[0] }))
			.build();
		same(
			built,
			`
version: 1.0.0
description: d
labels: { team: a }
inputs:
  a: { type: string, description: A text }
  b: { type: integer, minimum: 1, maximum: 5, default: 3 }
  c: { type: integer }
  d: { type: number, minimum: 0.5 }
  e: { type: boolean, default: false, description: Yes or no }
  f: { type: array, default: [] }
  g: { type: object }
  h: { type: string, enum: [x, y], default: x }
  i: { type: string, format: path, default: a.csv }
steps:
  - { id: s, skill: work, with: { all: "\${{ inputs.g.x }}", first: "\${{ inputs.f[0] }}" } }`,
		);
	});

	it("steps of skills, with all that may be said of them", () => {
		const built = defineWorkflow("w", { inputs: topic, defaults: { retry: { cap: "9s" }, timeout: "1h" } })
			.step(
				"a",
				{
					priority: "high",
					...{ timeout: "2s", idleTimeout: 500, stallTimeout: "1m", capabilities: ["gpu"] },
					retry: { max: 2, backoff: "fixed", initial: "2s" },
					concurrency: { key: ({ inputs }) => text`topic:${inputs.topic}`, limit: 2 },
					rate: { key: "all", limit: 60, per: "1m" },
				},
				({ inputs }) => use(writing, { topic: inputs.topic, words: 100 }),
			)
			.step(
				"b",
				{ needs: ["a"], if: ({ steps }) => expr`${steps.a.output.score} < ${0.8}`, concurrency: "site" },
				({ steps, run }) =>
					task("check", { state: steps.a.state, note: text`Run ${run.id}: ${expr`1 + 1`}`, gone: undefined }),
			)
			.step("c", { needs: ["a", "b"], if: false }, () => task("tell"))
			.outputs(({ steps, inputs }) => ({ article: steps.a.output.article, list: [inputs.topic, 1, null] }));
		same(
			built,
			`
inputs: { topic: { type: string } }
defaults: { retry: { cap: 9s }, timeout: 1h }
steps:
  - id: a
    skill: writing
    with: { topic: "\${{ inputs.topic }}", words: 100 }
    priority: high
    timeout: 2s
    idleTimeout: 500
    stallTimeout: 1m
    capabilities: gpu
    retry: { max: 2, backoff: fixed, initial: 2s }
    concurrency: { key: "topic:\${{ inputs.topic }}", limit: 2 }
    rate: { key: all, limit: 60, per: 1m }
  - id: b
    skill: check
    needs: a
    if: steps.a.output.score < 0.8
    concurrency: site
    with: { state: "\${{ steps.a.state }}", note: "Run \${{ run.id }}: \${{ 1 + 1 }}" }
  - { id: c, skill: tell, needs: [a, b], if: false }
outputs: { article: "\${{ steps.a.output.article }}", list: ["\${{ inputs.topic }}", 1, null] }`,
		);
	});

	it("forEach over a task, a group and another workflow", () => {
		const inner = defineWorkflow("inner", { inputs: topic })
			.step("s", ({ inputs }) => use(writing, { topic: inputs.topic }))
			.outputs(({ steps }) => ({ score: steps.s.output.score }));
		const built = defineWorkflow("w", { inputs: z.object({ pages: z.array(z.string()) }) })
			.forEach("a", { in: ["x", "y"], parallel: 3, onFailure: { quorum: 1 } }, (item, { index }) =>
				task("t", { item, index }),
			)
			.forEach("b", { in: ({ inputs }) => inputs.pages, as: "page", needs: "a", timeout: "10m" }, (page, { group }) =>
				group(
					(body) =>
						body
							.step("read", () => task<{ text: string }>("fetch", { from: page }))
							.step("sum_up", { needs: "read" }, ({ steps }) =>
								task<string>("summary", { text: steps.read.output.text }),
							),
					({ steps }) => steps.sum_up.output,
				),
			)
			.forEach("c", { in: ({ steps }) => steps.b.outputs, needs: "b", onFailure: "best-effort" }, (item) =>
				subWorkflow(inner, { topic: item }),
			)
			.step("d", { needs: "c" }, () => subWorkflow("other"))
			.step("e", ({ group }) => group((body) => body.step("f", () => task("t"))))
			.outputs(({ steps }) => ({ scores: steps.c.outputs, first: steps.c.outputs[0]?.score, e: steps.e.output.f }));
		same(
			built,
			`
inputs: { pages: { type: array } }
steps:
  - { id: a, skill: t, forEach: { in: [x, y], parallel: 3, need: 1 }, with: { item: "\${{ item }}", index: "\${{ index }}" } }
  - id: b
    needs: a
    forEach: { in: "\${{ inputs.pages }}", as: page }
    timeout: 10m
    steps:
      - { id: read, skill: fetch, with: { from: "\${{ page }}" } }
      - { id: sum_up, skill: summary, needs: read, with: { text: "\${{ steps.read.output.text }}" } }
    output: \${{ steps.sum_up.output }}
  - { id: c, needs: b, forEach: { in: "\${{ steps.b.outputs }}", onFailure: best-effort }, workflow: inner, with: { topic: "\${{ item }}" } }
  - { id: d, needs: c, workflow: other }
  - { id: e, steps: [{ id: f, skill: t }] }
outputs:
  scores: \${{ steps.c.outputs }}
  first: \${{ steps.c.outputs[0].score }}
  e: \${{ steps.e.output.f }}`,
		);
	});

	it("a loop, whose steps see the round before", () => {
		const built = defineWorkflow("w")
			.step("draft", () => task<string>("write"))
			.loop(
				"edit",
				{
					needs: "draft",
					max: 4,
					onMax: "fail",
					timeout: "1h",
					until: ({ steps }) => expr`${steps.review.output.score} >= 0.8`,
				},
				(body, { round, previous }) =>
					body
						.step("review", ({ steps }) =>
							task<{ score: number }>("review", {
								text: expr`has(${previous.revise}) ? ${previous.revise.output} : ${steps.draft.output}`,
								round,
							}),
						)
						.step("revise", { needs: "review", if: ({ steps }) => expr`${steps.review.output.score} < 0.8` }, () =>
							task<string>("revise"),
						),
				({ steps }) => steps.revise.output,
			)
			.outputs(({ steps }) => ({ text: steps.edit.output, rounds: expr`size(${steps.edit.outputs})` }));
		same(
			built,
			`
steps:
  - { id: draft, skill: write }
  - id: edit
    needs: draft
    timeout: 1h
    loop:
      max: 4
      onMax: fail
      until: steps.review.output.score >= 0.8
      steps:
        - id: review
          skill: review
          with: { text: "\${{ has(steps.revise) ? steps.revise.output : steps.draft.output }}", round: "\${{ round }}" }
        - { id: revise, skill: revise, needs: review, if: steps.review.output.score < 0.8 }
    output: \${{ steps.revise.output }}
outputs: { text: "\${{ steps.edit.output }}", rounds: "\${{ size(steps.edit.outputs) }}" }`,
		);
	});

	it("waits for a signal, a person, time and an event", () => {
		const built = defineWorkflow("w", { inputs: topic })
			.signal<"go", { number: number }>("go", { signal: "press-ready" })
			.approval("ask", {
				needs: "go",
				title: ({ inputs }) => text`Publish ${inputs.topic}?`,
				content: ({ steps }) => ({ number: steps.go.output.number }),
				...{ onDeny: "continue", labels: { risk: "low" }, timeout: "24h", onTimeout: "continue" },
			})
			.pause("rest", { needs: "ask", if: ({ steps }) => steps.ask.output.approved, duration: "5m" })
			.pause("more", { needs: "rest", duration: ({ inputs }) => inputs.topic })
			.event("paid", {
				needs: "more",
				type: "order.paid",
				filter: ({ event }) => expr`${event.data.amount} > ${100}`,
				timeout: "7d",
			})
			.build();
		same(
			built,
			`
inputs: { topic: { type: string } }
steps:
  - { id: go, wait: { signal: press-ready } }
  - id: ask
    needs: go
    wait:
      approval:
        title: Publish \${{ inputs.topic }}?
        content: { number: "\${{ steps.go.output.number }}" }
        onDeny: continue
        labels: { risk: low }
      timeout: 24h
      onTimeout: continue
  - { id: rest, needs: ask, if: steps.ask.output.approved, wait: { duration: 5m } }
  - { id: more, needs: rest, wait: { duration: "\${{ inputs.topic }}" } }
  - { id: paid, needs: more, wait: { event: { type: order.paid, filter: event.data.amount > 100 }, timeout: 7d } }`,
		);
	});

	it("compensation, what follows a failure, and what is always last", () => {
		const built = defineWorkflow("w")
			.step("seats", { compensate: ({ output }) => task("release", { reservation: output.id }) }, () => task("reserve"))
			.forEach(
				"charge",
				{
					in: [100, 20],
					as: "amount",
					needs: "seats",
					compensate: {
						by: ({ output, item }) => task("refund", { payment: output.id, amount: item }),
						...{ retry: { max: 10, cap: "5m" }, timeout: "1m", capabilities: "bank" },
					},
				},
				(amount) => task("charge", { amount }),
			)
			.onFailure((body, { error }) => body.step("tell", () => task("notify", { text: text`failed: ${error.message}` })))
			.finally((body, { run }) =>
				body.step("close", { if: ({ steps }) => expr`has(${steps.seats})` }, () => task("close", { state: run.state })),
			)
			.build();
		same(
			built,
			`
steps:
  - { id: seats, skill: reserve, compensate: { skill: release, with: { reservation: "\${{ steps.seats.output.id }}" } } }
  - id: charge
    needs: seats
    skill: charge
    forEach: { in: [100, 20], as: amount }
    with: { amount: "\${{ amount }}" }
    compensate:
      skill: refund
      with: { payment: "\${{ output.id }}", amount: "\${{ amount }}" }
      retry: { max: 10, cap: 5m }
      timeout: 1m
      capabilities: bank
onFailure: [{ id: tell, skill: notify, with: { text: "failed: \${{ error.message }}" } }]
finally: [{ id: close, skill: close, if: has(steps.seats), with: { state: "\${{ run.state }}" } }]`,
		);
	});

	it("triggers and the limit for runs", () => {
		const inputs = z.object({ since: z.int().default(0), order: z.record(z.string(), z.unknown()).default({}) });
		const built = defineWorkflow("w", {
			inputs,
			concurrency: { group: ({ inputs }) => text`g${inputs.since}`, limit: 2 },
		})
			.step("s", () => task("t"))
			.trigger({ cron: { expr: "0 7 * * 1-5", overlap: "queue" }, with: ({ trigger }) => ({ since: trigger.dueAt }) })
			.trigger({
				event: { type: "order", filter: ({ event }) => expr`${event.data.amount} > 100` },
				with: ({ event }) => ({ order: event.data }),
			})
			.trigger({ webhook: { path: "orders", secret: "${env:HOOK_SECRET}" }, with: { since: 7 } })
			.build();
		same(
			built,
			`
inputs: { since: { type: integer, default: 0 }, order: { type: object, default: {} } }
steps: [{ id: s, skill: t }]
concurrency: { group: "g\${{ inputs.since }}", limit: 2 }
triggers:
  - { cron: { expr: "0 7 * * 1-5", overlap: queue }, with: { since: "\${{ trigger.dueAt }}" } }
  - { event: { type: order, filter: event.data.amount > 100 }, with: { order: "\${{ event.data }}" } }
  - { webhook: { path: orders, secret: "\${env:HOOK_SECRET}" }, with: { since: 7 } }`,
		);
	});
});

test("a workflow without outputs runs as it is begun, as in a file", async (t) => {
	const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });
	const inner = defineWorkflow("inner", { inputs: topic }).step("s", ({ inputs }) => task("echo", inputs.topic));
	const outer = defineWorkflow("outer").step("both", () => subWorkflow(inner, { topic: "a" }));
	const orchestrator = await startTest(t, { skills: [echo], definitions: [inner] });
	const run = await orchestrator.waitRun(await orchestrator.startRun(outer), { timeout: "20s" });
	assert.equal(run.state, "completed");
	assert.deepEqual(run.outputs, {});
	assert.equal((await orchestrator.workflow(outer)).hash, definitionHash(outer.build()));
});

test("a key that is not known and an object that is no definition are told as in a file", async (t) => {
	const orchestrator = await startTest(t, {});
	const wrong = (options: object) => defineWorkflow("w").step("s", options, () => task("t"));
	assert.throws(() => wrong({ need: "a" }).build(), {
		code: "E_WORKFLOW_INVALID",
		message: 'Workflow "w": steps[0].need: unknown key "need" (Did you mean "needs"?)',
	});
	await assert.rejects(orchestrator.startRun(wrong({ tries: 3 })), {
		message: /unknown key "tries" \(Known here: id, /,
	});
	await assert.rejects(orchestrator.startRun({ name: "w", inputs: {}, steps: [] } as never), {
		code: "E_WORKFLOW_INVALID",
		message: "this is no workflow definition: it has no outputs",
		hint: /defineWorkflow makes one/,
	});
	await assert.rejects(orchestrator.startRun(undefined as never), { code: "E_WORKFLOW_INVALID" });
});

test("a built workflow runs, with another one inside", async (t) => {
	const inner = defineWorkflow("inner", { inputs: topic })
		.step("s", ({ inputs }) => use(writing, { topic: inputs.topic, words: 1 }))
		.outputs(({ steps }) => ({ article: steps.s.output.article }));
	const outer = defineWorkflow("outer", {
		inputs: z.object({ topics: z.array(z.string()), least: z.number().default(2) }),
	})
		.forEach("all", { in: ({ inputs }) => inputs.topics, parallel: 2 }, (item) => subWorkflow(inner, { topic: item }))
		.loop(
			"count",
			{ needs: "all", max: 5, until: ({ steps, inputs }) => expr`${steps.one.output} >= ${inputs.least}` },
			(body, { round }) => body.step("one", () => task<number>("echo", round)),
			({ steps, round }) => ({ last: steps.one.output, round }),
		)
		.step("end", { needs: ["all", "count"], if: ({ steps }) => expr`${steps.count.output.last} > 100` }, () =>
			task("echo"),
		)
		.outputs(({ steps }) => ({
			first: steps.all.outputs[0]?.article,
			count: steps.count.output,
			quoted: expr`${'say "hi" '} + ${steps.end.state}`,
		}));
	const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });
	const orchestrator = await startTest(t, { skills: [writing, echo], definitions: [inner, outer] });
	const run = await orchestrator.waitRun(await orchestrator.startRun(outer, { topics: ["a", "b"] }), {
		timeout: "20s",
	});
	assert.equal(run.state, "completed");
	assert.deepEqual(run.outputs, { first: "on a", count: { last: 2, round: 2 }, quoted: 'say "hi" skipped' });
});
