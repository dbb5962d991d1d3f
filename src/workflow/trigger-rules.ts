/** Whether the triggers of a workflow mean something. */
import { didYouMean } from "../suggest.ts";
import { cronProblem } from "../task/cron.ts";
import type { TriggerDefinition } from "./definition.ts";
import { checkName, topic, webhookPath } from "./names.ts";
import { type Path, type Problems, quoteName } from "./problems.ts";
import { checkCondition, checkTemplate } from "./visible.ts";

/** Members of an event in expressions. */
export const eventMembers = ["id", "type", "data", "source", "time"];

const kinds = ["cron", "event", "webhook"] as const;
type Given = { [Kind in (typeof kinds)[number]]?: Extract<TriggerDefinition, Record<Kind, unknown>>[Kind] };

/** @param inputs names of the workflow's inputs */
export function checkTrigger(
	problems: Problems,
	path: Path,
	trigger: TriggerDefinition,
	inputs: readonly string[],
): void {
	const { cron, event, webhook } = trigger as Given;
	const found = kinds.filter((kind) => (trigger as Given)[kind] !== undefined);
	if (found.length !== 1) {
		const have = found.length === 0 ? "says nothing of what starts it" : `has ${found.join(" and ")}`;
		problems.add(path, `the trigger ${have}: it needs exactly one of ${kinds.join(", ")}`);
	}
	const names = cron === undefined ? new Map([["event", eventMembers]]) : new Map([["trigger", ["dueAt"]]]);
	const view = { problems, names };
	if (cron !== undefined) checkCron(problems, [...path, "cron"], cron.expr, cron.timezone);
	if (event !== undefined) {
		checkName(problems, [...path, "event", "type"], event.type, topic);
		if (event.filter !== undefined) checkCondition(view, [...path, "event", "filter"], event.filter);
	}
	if (webhook !== undefined) {
		checkName(problems, [...path, "webhook", "path"], webhook.path, webhookPath);
		checkSecret(problems, [...path, "webhook", "secret"], webhook.secret);
	}
	for (const [name, template] of Object.entries(trigger.with ?? {})) {
		const at = [...path, "with", name];
		if (!inputs.includes(name)) {
			problems.add(at, `no input has the name "${quoteName(name)}"`, () => didYouMean(name, inputs), { atKey: true });
		}
		checkTemplate(view, at, template);
	}
}

/** A secret in the file would be in the journal too. */
function checkSecret(problems: Problems, path: Path, secret: string): void {
	if (/^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+)\}$/.test(secret)) return;
	const hint = () => "Write ${env:NAME} or ${file:PATH}.";
	problems.add(path, "a secret is not written into a workflow, but referred to", hint);
}

function checkCron(problems: Problems, path: Path, expr: string, timezone = "UTC"): void {
	if (!isTimeZone(timezone)) {
		const zones = Intl.supportedValuesOf("timeZone");
		const hint = () => didYouMean(timezone, zones) ?? "Write an IANA name, for example Europe/Berlin.";
		problems.add([...path, "timezone"], `"${quoteName(timezone)}" is no time zone`, hint);
	}
	const fields = expr.trim().split(/\s+/).length;
	if (fields !== 5 && fields !== 6) {
		const hint = () => 'Five or six fields: for example "0 7 * * 1-5" is 7 o\'clock from Monday to Friday.';
		problems.add([...path, "expr"], `"${quoteName(expr)}" is no cron expression`, hint);
		return;
	}
	const problem = cronProblem(expr);
	if (problem !== undefined) problems.add([...path, "expr"], `"${quoteName(expr)}" is no cron expression: ${problem}`);
}

function isTimeZone(name: string): boolean {
	try {
		new Intl.DateTimeFormat("en", { timeZone: name });
		return true;
	} catch {
		return false;
	}
}
