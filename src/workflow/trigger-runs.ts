/** What the triggers of an enabled workflow start, and with which inputs. Pure. */
import type { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { nextFire } from "../task/cron.ts";
import type { NewSchedule } from "../task/schedule.ts";
import { checkInputSize } from "../task/spec.ts";
import type { TriggerDefinition, WorkflowDefinition } from "./definition.ts";
import type { SentEvent } from "./event.ts";
import { evaluateCondition, evaluateTemplate, type Scope } from "./expression.ts";
import { named } from "./scope.ts";
import type { Trigger } from "./trigger.ts";

/** Schedules of workflows have ids that nobody can give to one of their own. */
export const scheduleId = (workflow: string, place: number): string => `workflow:${workflow}:${place}`;

/** One for each of its `cron` triggers. */
export function cronSchedules({ name, triggers = [] }: WorkflowDefinition, now: number): NewSchedule[] {
	return triggers.flatMap((trigger, place): NewSchedule[] => {
		if (!("cron" in trigger)) return [];
		const { expr, timezone = "UTC", overlap = "skip", missed = "last" } = trigger.cron;
		const nextAt = nextFire(expr, timezone, now);
		const target = { trigger: name, place };
		return [{ id: scheduleId(name, place), cron: expr, timezone, overlap, catchUp: missed, target, nextAt }];
	});
}

/** What the run is given: that of the enabling, and above it what the trigger's `with` makes. @throws E_EXPRESSION, E_INPUT_TOO_LARGE */
export function inputsOf(trigger: Trigger, given: TriggerDefinition, scope: Scope): { [name: string]: Json } {
	const own = named(`The "with" of a trigger of "${trigger.id}"`, () => evaluateTemplate(given.with ?? {}, scope));
	checkInputSize(own, `a trigger of "${trigger.id}": `);
	return { ...trigger.inputs, ...(own as { [name: string]: Json }) };
}

/** Whether a trigger is for an event. A filter that cannot be evaluated for it does not match. */
export function isTriggeredBy(trigger: TriggerDefinition, event: SentEvent): boolean {
	if (!("event" in trigger) || trigger.event.type !== event.type) return false;
	const { filter } = trigger.event;
	if (filter === undefined) return true;
	try {
		return evaluateCondition(filter, { event: event as unknown as Json });
	} catch (error) {
		if ((error as MusterError).code === "E_EXPRESSION") return false;
		throw error;
	}
}

/** Paths with and without a slash in front are the same. */
export const isWebhookAt = (trigger: TriggerDefinition, path: string): boolean =>
	"webhook" in trigger && trigger.webhook.path.replace(/^\//, "") === path.replace(/^\//, "");
