/** The shape of a step in a workflow file, with the description and default of each key; see `schema.ts`. */
import { z } from "zod";
import { priorities } from "../task/task.ts";
import { MAX_ITEMS, MAX_ROUNDS, MAX_STEPS } from "./definition.ts";
import { identifier, skillName, stepId, topic, workflowName } from "./names.ts";
import {
	duration,
	durationOrTemplate,
	expression,
	json,
	labels,
	limit,
	map,
	name,
	number,
	oneOf,
	orJust,
	policies,
	text,
	textOrTexts,
	timeLimit,
	whole,
} from "./schema-values.ts";

export const retry = map({
	max: whole(1, 100).optional().meta({ description: "Attempts in all, the first one included.", default: 3 }),
	backoff: oneOf(["exponential", "fixed"]).optional().meta({
		description: "`fixed`: every wait is `initial`, without a random part.",
		default: "exponential",
	}),
	initial: duration.optional().meta({ description: "Longest wait before the second attempt.", default: "1s" }),
	factor: number
		.min(1, "must be at least 1")
		.max(100, "must be at most 100")
		.optional()
		.meta({ description: "By how much each further wait grows.", default: 2 }),
	cap: duration.optional().meta({ description: "Longest wait of all.", default: "30s" }),
	jitter: oneOf(["full", "none"]).optional().meta({
		description: "`full`: a random part of the wait, so that retries spread; `none`: exactly the wait.",
		default: "full",
	}),
}).meta({ id: "retry" });

/** What `defaults` and a step have in common. */
export const running = {
	priority: oneOf(priorities).optional().meta({
		description: "Which tasks go first. A task that waits long rises.",
		default: "normal",
	}),
	timeout: timeLimit.optional().describe("Hard limit: of one attempt of a `skill` step, of the whole step otherwise."),
	idleTimeout: timeLimit
		.optional()
		.describe("An attempt whose skill calls nothing of its context (progress, log, effect ...) for this long ends."),
	stallTimeout: timeLimit
		.optional()
		.describe(
			"An attempt that reports, but whose progress does not change for this long, is warned of at half the time, then ends.",
		),
	retry: retry.optional().describe("What happens after a failed attempt."),
};

const forEach = map(
	{
		in: json
			.refine((list) => list !== undefined, "is missing")
			.describe("The list: an expression in `${{ }}`, or a list of values and templates."),
		as: name(identifier).default("item").describe("Name of the item in the step's expressions; its place is `index`."),
		parallel: whole(1, MAX_ITEMS).optional().describe("Most items at the same time. Without it: all."),
		onFailure: z
			.union(
				[
					z.enum(["fail", "continue", "best-effort"]),
					z.strictObject({
						quorum: whole(1, MAX_ITEMS).describe("How many items must complete; what still runs then is cancelled."),
					}),
				],
				{ error: "must be fail, continue, best-effort or { quorum: n }" },
			)
			.optional()
			.meta({
				description:
					"What failed items mean. `fail`: after the first one no further item begins, and the step fails. `continue`: all items run, then one failed item fails it. `best-effort`: all items run, and it completes whatever is missing. `{ quorum: n }`: it completes as soon as n items did.",
				default: "fail",
			}),
		need: whole(1, MAX_ITEMS).optional().describe("Short for `onFailure: { quorum: n }`."),
	},
	"must be a map with in and as",
).refine(({ onFailure, need }) => onFailure === undefined || need === undefined, {
	message: "excludes onFailure, which can say the same",
	path: ["need"],
});

const approval = map({
	title: text(500).describe("What is asked, in one line; a template."),
	content: json
		.optional()
		.describe("What is to be approved, shown as it is and bound to the answer by its hash; a template."),
	onDeny: oneOf(["fail", "continue"]).optional().meta({
		description: "`fail`: a denial fails the step. `continue`: the output says it.",
		default: "fail",
	}),
	labels: labels.optional().describe("Free labels to pick by, for example `{ risk: low }`."),
});

const waitEvent = map({
	type: name(topic).describe("Type of the event."),
	filter: expression
		.optional()
		.describe("Expression over `event` and what the step sees; the first event for which it is true counts."),
});

const wait = map({
	signal: name(topic).optional().describe("Name of a signal to the run; the step's output is its data."),
	approval: orJust("title", approval)
		.optional()
		.describe("Asks a person; the output is `{ approved, by, comment, at, hash }`. A text is the title."),
	duration: durationOrTemplate.optional().describe("Only time passes; a duration, or a template that gives one."),
	event: orJust("type", waitEvent)
		.optional()
		.describe("An event sent to Muster; the output is the event. A text is the type."),
	timeout: timeLimit.optional().describe("How long it waits. Without it: as long as it takes. Not with `duration`."),
	onTimeout: oneOf(["fail", "continue"]).optional().meta({
		description: "`continue`: the step completes with the output null (an approval: approved false, expired true).",
		default: "fail",
	}),
});

const compensate = map({
	skill: name(skillName).describe("The skill that undoes it."),
	with: json.default({}).describe("Its input; a template that sees the step's own output, item and index too."),
	capabilities: textOrTexts(name(topic), 32).optional().describe("What the agent must have besides the skill."),
	timeout: timeLimit.optional().describe("Hard limit of one attempt."),
	retry: retry.optional().describe("What happens after a failed attempt."),
});

const stepConcurrency = map({
	key: text(1_000).describe("Tasks with the same key share the limit; a template."),
	limit: limit.describe("Most tasks of the key at the same time."),
	policy: oneOf(policies)
		.default("queue")
		.describe(
			"When the limit is reached. `queue`: the task waits. `cancel-previous`: the oldest is cancelled. `reject`: the task is refused.",
		),
});

const rate = map({
	key: text(1_000).describe("Tasks with the same key share the rate; a template."),
	limit: whole(1, 1_000_000).describe("Most starts in `per`, evenly paced."),
	per: timeLimit.describe("The time that `limit` is for."),
});

/** All of a step but the steps inside of it. */
const leaf = {
	id: name(stepId).describe("Its name, unique in its list: `steps.ID` in expressions."),
	needs: textOrTexts(text(200), MAX_STEPS)
		.default([])
		.describe("Steps of the same list that must be completed, or skipped by their `if`, before this one starts."),
	if: z
		.union([expression, z.boolean().transform(String)], { error: "must be an expression" })
		.optional()
		.describe("Expression, with or without `${{ }}`; false skips the step, which satisfies the `needs` of others."),
	forEach: forEach
		.optional()
		.describe("The step once for each item of a list; its output is the list of outputs in that order."),

	skill: name(skillName).optional().describe("The skill that does it: the type of its task."),
	workflow: name(workflowName)
		.optional()
		.describe(
			"Another workflow by its name: it runs as a run of its own, pinned when the outer run starts; its outputs are the step's output.",
		),
	wait: wait.optional().describe("Waits for something, and holds no slot."),

	with: json.optional().describe("Input of the skill or the workflow; a template."),
	output: json
		.optional()
		.describe(
			"Of `loop` and `steps`: what a round or group comes to; a template over its steps. Without it: its outputs by step id.",
		),
	compensate: compensate.optional().describe("Undoes the completed step when its run fails for good."),
	...running,
	capabilities: textOrTexts(name(topic), 32).optional().describe("What the agent must have besides the skill."),
	concurrency: orJust("key", stepConcurrency)
		.optional()
		.describe("Limits how many tasks of a key run at the same time. A text is the key."),
	rate: rate.optional().describe("Limits how often tasks of a key start."),
};

export interface StepFile extends z.output<z.ZodObject<typeof leaf>> {
	loop?: z.output<typeof loop> | undefined;
	steps?: StepFile[] | undefined;
}

export const steps: z.ZodType<StepFile[]> = z.lazy(() =>
	z
		.array(step, { error: (issue) => (issue.input === undefined ? "is missing" : "must be a list of steps") })
		.min(1, "must have at least one step")
		.max(MAX_STEPS, `must have at most ${MAX_STEPS} steps`)
		.meta({ id: "steps" }),
);

const loop = map({
	max: whole(1, MAX_ROUNDS).describe("Most rounds."),
	until: expression
		.optional()
		.describe("Expression over the steps of a round, after each round; true ends the loop. Without it all rounds run."),
	onMax: oneOf(["continue", "fail"]).optional().meta({
		description:
			"When `max` rounds are over and `until` is not true. `continue`: the last round counts. `fail`: the step fails.",
		default: "continue",
	}),
	steps: steps.describe("The steps of a round; `round` is its number, from 0."),
});

export const step = map(
	{
		...leaf,
		loop: loop.optional().describe("A list of steps again and again."),
		steps: steps.optional().describe("A group: a list of steps of its own."),
	},
	"must be a map with id and what the step does",
).meta({
	id: "step",
	oneOf: ["skill", "workflow", "wait", "loop", "steps"].map((kind) => ({ required: [kind] })),
});
