/** From the shape of a workflow file to the intermediate form: defaults merged into the steps, nothing that is undefined. */
import { defaultRetry } from "../task/retry.ts";
import type {
	CompensateDefinition,
	ForEachDefinition,
	InputSpec,
	LoopDefinition,
	RetryDefinition,
	StepDefinition,
	TriggerDefinition,
	WaitDefinition,
	WorkflowDefinition,
} from "./definition.ts";
import type { DefaultsFile, RetryFile, WorkflowFile } from "./schema.ts";
import type { StepFile } from "./step-schema.ts";

export function compile(file: WorkflowFile): WorkflowDefinition {
	const list = (steps: StepFile[]) => steps.map((step) => compileStep(step, file.defaults));
	return {
		name: file.name,
		...defined({ version: file.version, description: file.description, labels: file.labels }),
		inputs: mapValues(file.inputs, (spec) => defined(spec) as InputSpec),
		steps: list(file.steps),
		outputs: file.outputs,
		...defined({
			onFailure: file.onFailure && list(file.onFailure),
			finally: file.finally && list(file.finally),
			triggers: file.triggers?.map(compileTrigger),
			concurrency: file.concurrency,
		}),
	};
}

function compileStep(step: StepFile, defaults: DefaultsFile): StepDefinition {
	const { loop, steps, wait, compensate, forEach, rate } = step;
	const own = { ...(step.skill === undefined ? {} : defaults), ...defined(step) } as StepFile;
	const policy = own.retry && { ...(step.skill === undefined ? {} : defaults.retry), ...own.retry };
	return {
		id: step.id,
		needs: [...new Set(step.needs)],
		...defined({
			if: step.if,
			forEach: forEach && compileForEach(forEach),
			skill: step.skill,
			workflow: step.workflow,
			wait: wait && compileWait(wait),
			loop: loop && compileLoop(loop, defaults),
			steps: steps?.map((inner) => compileStep(inner, defaults)),
			with: step.with,
			output: step.output,
			compensate: compensate && compileCompensate(compensate),
			priority: own.priority,
			capabilities: step.capabilities,
			idleTimeoutMs: own.idleTimeout,
			stallTimeoutMs: own.stallTimeout,
			retry: policy && compileRetry(policy),
			concurrency: step.concurrency,
			rate: rate && { key: rate.key, limit: rate.limit, perMs: rate.per },
			timeoutMs: own.timeout,
		}),
	};
}

function compileForEach({ need, ...given }: NonNullable<StepFile["forEach"]>): ForEachDefinition {
	const { in: list, as, parallel, onFailure = need === undefined ? undefined : { quorum: need } } = given;
	return { in: list, as, ...defined({ parallel, onFailure }) };
}

function compileLoop(
	{ max, until, onMax, steps }: NonNullable<StepFile["loop"]>,
	defaults: DefaultsFile,
): LoopDefinition {
	return { max, ...defined({ until, onMax }), steps: steps.map((step) => compileStep(step, defaults)) };
}

function compileWait({ approval, event, ...given }: NonNullable<StepFile["wait"]>): WaitDefinition {
	return defined({
		signal: given.signal,
		approval: approval && (defined(approval) as NonNullable<WaitDefinition["approval"]>),
		durationMs: given.duration,
		event: event && (defined(event) as NonNullable<WaitDefinition["event"]>),
		timeoutMs: given.timeout,
		onTimeout: given.onTimeout,
	});
}

function compileCompensate(given: NonNullable<StepFile["compensate"]>): CompensateDefinition {
	const { skill, with: input, capabilities, timeout, retry } = given;
	return { skill, with: input, ...defined({ capabilities, timeoutMs: timeout, retry: retry && compileRetry(retry) }) };
}

function compileRetry(policy: RetryFile): RetryDefinition {
	const initialMs = policy.initial ?? defaultRetry.initialMs;
	const fixed = policy.backoff === "fixed";
	return {
		maxAttempts: policy.max ?? defaultRetry.maxAttempts,
		initialMs,
		factor: fixed ? 1 : (policy.factor ?? defaultRetry.factor),
		capMs: Math.max(initialMs, policy.cap ?? defaultRetry.capMs),
		jitter: policy.jitter ?? (fixed ? "none" : defaultRetry.jitter),
	};
}

/** A trigger with no kind or several stays so: `validate.ts` says what is wrong with it. */
function compileTrigger({ cron, event, webhook, with: inputs }: NonNullable<WorkflowFile["triggers"]>[number]) {
	return defined({
		cron: cron && defined(cron),
		event: event && defined(event),
		webhook,
		with: inputs,
	}) as unknown as TriggerDefinition;
}

type Defined<Members> = { [Name in keyof Members]?: Exclude<Members[Name], undefined> };

/** The members that are not undefined: an absent member and an undefined one must give the same hash. */
function defined<Members extends object>(members: Members): Defined<Members> {
	return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<Members>;
}

function mapValues<From, To>(record: Record<string, From>, convert: (value: From) => To): Record<string, To> {
	return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]));
}
