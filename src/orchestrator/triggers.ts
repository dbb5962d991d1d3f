/**
 * Enabled workflows: what starts their runs by itself. An enabling is pinned to its definition like a run; a changed file
 * changes nothing until it is enabled again. Times are in `schedules.ts`; here are events and webhooks.
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { hasCode, MusterError, toErrorData } from "../errors.ts";
import { canonicalJson, copyJson, type Json, lengthWithin } from "../json.ts";
import type { Log } from "../log.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { State } from "../state.ts";
import { MAX_TURN_LENGTH } from "../workflow/bounds.ts";
import type { GivenWorkflow, TriggerDefinition, WorkflowDefinition } from "../workflow/definition.ts";
import type { SentEvent } from "../workflow/event.ts";
import { absolutePaths, checkInputs } from "../workflow/inputs.ts";
import type { NewRun } from "../workflow/run.ts";
import type { NewTrigger, Trigger } from "../workflow/trigger.ts";
import { cronSchedules, inputsOf, isTriggeredBy, isWebhookAt, scheduleId } from "../workflow/trigger-runs.ts";
import type { Admission } from "./admission.ts";
import { pinsOf } from "./pins.ts";
import type { Runs } from "./runs.ts";
import type { Schedules } from "./schedules.ts";
import { type Act, inTurns } from "./turns.ts";
import { isSigned, jsonOf, secretOf, secretProblem } from "./webhook.ts";

export interface EnabledView {
	workflow: string;
	/** Of the definition that it is pinned to. */
	hash: string;
	enabledAt: string;
	inputs: { [name: string]: Json };
	/** In the order of the file. */
	triggers: (
		| { cron: string; timezone: string; schedule: string }
		| { event: string; filter?: string }
		| {
				webhook: string;
				/** Why its calls are refused: the secret is not there, or is no key. */
				problem?: string;
		  }
	)[];
}

/** A run that a trigger should have started, and why it did not. */
export interface RefusedStart {
	workflow: string;
	code: string;
	message: string;
}

export interface Started {
	runs: string[];
	refused: RefusedStart[];
}

export interface WebhookCall {
	/** The last part of the address. */
	path: string;
	/** As it was sent: the signature is over these bytes. */
	body: Uint8Array;
	/** In lower case: `webhook-id`, `webhook-timestamp` and `webhook-signature`. */
	header(name: string): string | undefined;
}

export interface TriggersParts {
	ledger: Ledger;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	runs: Runs;
	schedules: Schedules;
	admission: Admission;
}

/** How far the time of a webhook call may lie from ours: an older call is refused, so that nobody can repeat it. */
const WEBHOOK_MS = 5 * 60_000;

export class Triggers {
	readonly #parts: TriggersParts;

	constructor(parts: TriggersParts) {
		this.#parts = parts;
	}

	/**
	 * Its triggers start runs from now on, with these inputs where a trigger gives none. Enabling again takes the place of the
	 * enabling before. Resolves when it is durable.
	 * @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_FILE_UNREADABLE, E_CONFLICT without triggers, E_INPUT_INVALID,
	 * E_CONFIG_INVALID when the secret of a webhook is no key
	 */
	async enable(workflow: string | GivenWorkflow, inputs: Record<string, unknown>): Promise<EnabledView> {
		const { ledger, clock, runs, schedules } = this.#parts;
		const { state } = ledger;
		const { known, definitions, ...pins } = await runs.resolve(workflow);
		const { definition, hash, file } = known;
		const { name } = definition;
		checkTriggers(definition);
		await this.#checkSecrets(definition);
		const trigger: NewTrigger = {
			...{ id: name, hash },
			...pinsOf(pins),
			inputs: enablingInputs(definition, inputs, file === undefined ? undefined : dirname(file)),
		};
		const before = state.triggers.get(name);
		if (before !== undefined && contentOf(before) === contentOf(trigger)) {
			await ledger.settled();
			return enabledView(before, state);
		}
		const at = clock.now();
		const times = cronSchedules(definition, at);
		const old = schedules.ofWorkflow(name);
		schedules.checkRoom(times.length - old.length);
		const stored = ledger.transact((emit) => {
			emit({ type: "trigger.enabled", at, trigger });
			// After it, for the end of the enabling before may let go of a definition that nothing used meanwhile.
			for (const [hash, definition] of definitions) {
				if (!state.definitions.has(hash)) emit({ type: "workflow.defined", at, hash, definition });
			}
			schedules.replaceOf(emit, name, times);
		});
		for (const id of new Set([...old, ...times.map((time) => time.id)])) schedules.arm(id);
		await stored;
		return enabledView({ ...trigger, enabledAt: at }, { definitions });
	}

	/** Its triggers start nothing any more; what they started goes on. @throws E_CONFLICT when it is not enabled */
	async disable(name: string): Promise<void> {
		const { ledger, clock, schedules } = this.#parts;
		if (!ledger.state.triggers.has(name)) {
			throw new MusterError("E_CONFLICT", `the workflow ${JSON.stringify(name)} is not enabled`, {
				hint: "See which are with: muster workflows enabled",
			});
		}
		const old = schedules.ofWorkflow(name);
		const stored = ledger.transact((emit) => {
			schedules.replaceOf(emit, name, []);
			emit({ type: "trigger.disabled", at: clock.now(), id: name });
		});
		for (const id of old) schedules.arm(id);
		await stored;
	}

	/** By name. */
	list(): Promise<EnabledView[]> {
		return enabledViews(this.#parts.ledger.state);
	}

	/**
	 * Starts what an event triggers. One that cannot start holds up no other.
	 *
	 * @param given whether whoever sent the event gave it its id: then each run of it starts once, however often it is sent
	 */
	eventStarts(event: SentEvent, given: boolean, started: Started): Act[] {
		return this.#starts(event, given, "event", (trigger) => isTriggeredBy(trigger, event), started);
	}

	/**
	 * A call of a webhook, signed after https://www.standardwebhooks.com: `webhook-signature` is `v1,` and the HMAC-SHA256 of
	 * `id.timestamp.body` in base64. Resolves, when it is durable, with the runs it started; the same id starts each once.
	 * @throws E_UNAUTHORIZED unless one of the triggers at this path takes the signature, E_INPUT_INVALID
	 */
	async webhook(call: WebhookCall): Promise<Started> {
		const { ledger, clock } = this.#parts;
		const [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(call.header);
		const now = clock.now();
		const isRecent = /^\d{1,12}$/.test(timestamp ?? "") && Math.abs(Number(timestamp) * 1_000 - now) <= WEBHOOK_MS;
		const taken = new Set<TriggerDefinition>();
		if (id !== undefined && /^[\x21-\x7e]{1,200}$/.test(id) && isRecent && signature !== undefined) {
			const { triggers, definitions } = ledger.state;
			const all = [...triggers.values()].flatMap(({ hash }) => definitions.get(hash)?.triggers ?? []);
			for (const trigger of all) {
				if (!("webhook" in trigger) || !isWebhookAt(trigger, call.path)) continue;
				const secret = await this.#secretOf(trigger.webhook.secret);
				if (secret !== undefined && isSigned(signature, secret, `${id}.${timestamp}.`, call.body)) taken.add(trigger);
			}
		}
		if (taken.size === 0) {
			// The same answer for all of it: what there is, is nobody's business who cannot sign.
			throw new MusterError("E_UNAUTHORIZED", "no webhook at this address takes this signature", {
				hint: "Sign as https://www.standardwebhooks.com says, with a time of the last five minutes.",
			});
		}
		const event: SentEvent = {
			...{ id: id as string, type: "webhook", source: call.path, time: new Date(now).toISOString() },
			data: jsonOf(call.body),
		};
		const started: Started = { runs: [], refused: [] };
		await inTurns(
			ledger,
			this.#starts(event, true, "webhook", (trigger) => taken.has(trigger), started),
		);
		return started;
	}

	/** One that is not there may still come, or be there for another process: the calls until then are refused. */
	async #checkSecrets({ name, triggers = [] }: WorkflowDefinition): Promise<void> {
		for (const trigger of triggers) {
			if (!("webhook" in trigger) || (await secretOf(trigger.webhook.secret)) !== undefined) continue;
			this.#parts.log.warn("the secret of a webhook is not there", { workflow: name, secret: trigger.webhook.secret });
		}
	}

	/** For a call: what is wrong with the secret is told to the log, and is nobody's business who calls. */
	async #secretOf(reference: string): Promise<Buffer | undefined> {
		try {
			const secret = await secretOf(reference);
			if (secret === undefined) this.#parts.log.error("the secret of a webhook is not there", { secret: reference });
			return secret;
		} catch (error) {
			const { code, message } = toErrorData(error);
			this.#parts.log.error("the secret of a webhook cannot be used", { secret: reference, code, error: message });
			return undefined;
		}
	}

	/** For every trigger that is enabled now. */
	#starts(
		event: SentEvent,
		given: boolean,
		kind: "event" | "webhook",
		isMeant: (trigger: TriggerDefinition) => boolean,
		started: Started,
	): Act[] {
		const { ledger, log, newId, runs, admission } = this.#parts;
		const { triggers, definitions } = ledger.state;
		return [...triggers.values()].flatMap((trigger) =>
			(definitions.get(trigger.hash)?.triggers ?? []).map(
				(wanted): Act =>
					(emit, turn) => {
						const definition = definitions.get(trigger.hash);
						if (definition === undefined || triggers.get(trigger.id) !== trigger || !isMeant(wanted)) return;
						const id = given ? idOf(kind, trigger.id, wanted, event.id) : newId("run");
						try {
							if (!given || ledger.run(id) === undefined) {
								admission.checkRoom(1);
								const run: NewRun = {
									...{ id, workflow: definition.name, hash: trigger.hash },
									inputs: checkInputs(definition, inputsOf(trigger, wanted, { event: event as unknown as Json })),
									...pinsOf(trigger),
									trigger: { kind, id: event.id },
								};
								runs.beginWith(emit, run, definition);
								turn.length += lengthWithin(run.inputs, MAX_TURN_LENGTH);
							}
							started.runs.push(id);
						} catch (error) {
							if (!hasCode(error) || error.code === "E_INTERNAL") throw error;
							started.refused.push({ workflow: trigger.id, code: error.code, message: error.message });
							log.warn("a trigger did not start its run", {
								workflow: trigger.id,
								event: event.id,
								error: error.message,
							});
						}
					},
			),
		);
	}
}

/** By name. */
export function enabledViews(state: Pick<State, "triggers" | "definitions">): Promise<EnabledView[]> {
	const triggers = [...state.triggers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
	return Promise.all(triggers.map((trigger) => enabledView(trigger, state)));
}

async function enabledView(
	{ id, hash, enabledAt, inputs }: Trigger,
	{ definitions }: { definitions: ReadonlyMap<string, WorkflowDefinition> },
): Promise<EnabledView> {
	const views = (definitions.get(hash)?.triggers ?? []).map((trigger, place) => triggerView(trigger, id, place));
	const triggers = await Promise.all(views);
	return { workflow: id, hash, enabledAt: new Date(enabledAt).toISOString(), inputs, triggers };
}

async function triggerView(
	trigger: TriggerDefinition,
	workflow: string,
	place: number,
): Promise<EnabledView["triggers"][number]> {
	if ("webhook" in trigger) {
		const { path, secret } = trigger.webhook;
		const problem = await secretProblem(secret);
		return { webhook: `/hooks/${path.replace(/^\//, "")}`, ...(problem !== undefined && { problem }) };
	}
	if ("event" in trigger) {
		const { type, filter } = trigger.event;
		return { event: type, ...(filter !== undefined && { filter }) };
	}
	const { expr, timezone = "UTC" } = trigger.cron;
	return { cron: expr, timezone, schedule: scheduleId(workflow, place) };
}

/**
 * The id of a run follows from what starts it, where that has an id of its own: from what the trigger says, wherever it stands
 * in the file.
 */
function idOf(kind: string, workflow: string, trigger: TriggerDefinition, event: string): string {
	const text = canonicalJson([kind, workflow, copyJson(trigger, "the trigger", "E_INPUT_INVALID"), event]);
	return `run_e${createHash("sha256").update(text).digest("hex").slice(0, 25)}`;
}

const contentOf = ({ hash, uses = {}, folders = {}, inputs }: NewTrigger): string =>
	canonicalJson({ hash, uses, folders, inputs });

/** @throws E_CONFLICT, E_INPUT_INVALID */
function checkTriggers({ name, triggers = [], concurrency }: WorkflowDefinition): void {
	if (triggers.length === 0) {
		throw new MusterError("E_CONFLICT", `the workflow "${name}" has no triggers`, {
			hint: "Write some into its file under triggers; they say what starts it.",
		});
	}
	for (const trigger of triggers) {
		const { overlap = "skip" } = "cron" in trigger ? trigger.cron : {};
		if (concurrency === undefined || overlap === "skip" || overlap === "allow") continue;
		throw new MusterError(
			"E_INPUT_INVALID",
			`overlap "${overlap}" is a concurrency group, and "${name}" has one already`,
			{ hint: 'With a group of its own "allow" fits: the group says what waits.' },
		);
	}
}

/**
 * What is given and the defaults, checked and with whole paths: the runs of a later process begin elsewhere, perhaps.
 * @throws E_INPUT_INVALID, also when a trigger would start a run without a required input
 */
function enablingInputs(
	definition: WorkflowDefinition,
	given: Record<string, unknown>,
	folder: string | undefined,
): { [name: string]: Json } {
	const declared = Object.entries(definition.inputs);
	const here = declared.filter(([name, { default: value }]) => value !== undefined || Object.hasOwn(given, name));
	const inputs = checkInputs({ ...definition, inputs: Object.fromEntries(here) }, given, folder);
	for (const [place, trigger] of (definition.triggers ?? []).entries()) {
		const missing = declared.find(
			([name]) => !Object.hasOwn(inputs, name) && !Object.hasOwn(trigger.with ?? {}, name),
		)?.[0];
		if (missing === undefined) continue;
		throw new MusterError("E_INPUT_INVALID", `trigger ${place + 1} of "${definition.name}" gives no "${missing}"`, {
			hint: `Write it under the trigger's with, or enable it with a value: -i ${missing}=...`,
		});
	}
	return absolutePaths(definition, inputs, ".") as { [name: string]: Json };
}
