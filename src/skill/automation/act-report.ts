/** From anomalies to actions, and from actions to a page a person can read. Pure. */
import { createHash } from "node:crypto";
import type { Json } from "../../json.ts";
import type { Action } from "./act-steps.ts";
import type { Anomaly } from "./detect.ts";

/** Nobody reads more alerts than this; the log names how many were left out. */
export const MAX_ALERTS = 100;

export interface Detected {
	anomalies: Anomaly[];
	checked?: number | undefined;
	counts?: Record<string, number> | undefined;
	notes?: string[] | undefined;
}

const rank: Record<Anomaly["severity"], number> = { critical: 0, warning: 1, info: 2 };

/** The most severe first, each id once, at most {@link MAX_ALERTS}. */
export function toAlert(anomalies: readonly Anomaly[]): Anomaly[] {
	const byId = new Map<string, Anomaly>();
	for (const anomaly of anomalies) if (!byId.has(anomaly.id)) byId.set(anomaly.id, anomaly);
	return [...byId.values()].sort((a, b) => rank[a.severity] - rank[b.severity]).slice(0, MAX_ALERTS);
}

/**
 * For each anomaly one file in the folder and one line in the log, as far as these are named. Their keys come from the
 * anomaly alone, so the next pass over the same observations reports nothing twice.
 */
export function actionsFor(
	anomalies: readonly Anomaly[],
	places: { log?: string | undefined; alerts?: string | undefined },
): Action[] {
	const { log, alerts } = places;
	return anomalies.flatMap((anomaly): Action[] => {
		const name = fileName(anomaly.id);
		const actions: Action[] = [];
		if (alerts !== undefined) {
			const path = `${alerts.replace(/\/+$/, "")}/${name}.md`;
			// The next pass may know more (a moved average): the alert then says so.
			actions.push({ kind: "write-file", path, content: alertText(anomaly), overwrite: true, key: `alert/${name}` });
		}
		if (log !== undefined) {
			const { id, rule, severity, text, value, expected } = anomaly;
			const line = JSON.stringify({ id, rule, severity, text, value, expected, observation: anomaly.observation });
			actions.push({ kind: "append-line", path: log, line, key: `log/${name}` });
		}
		return actions;
	});
}

/** The id itself where it can be a file name; otherwise a likeness of it with a hash, so that two ids never share a name. */
export function fileName(id: string): string {
	if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/.test(id)) return id;
	const likeness = id.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+|[-_]+$/g, "");
	return `${likeness.slice(0, 80) || "alert"}-${createHash("sha256").update(id).digest("hex").slice(0, 10)}`;
}

export function alertText(anomaly: Anomaly): string {
	const fields = Object.entries(anomaly.observation).map(([name, value]) => `| ${plain(name)} | ${plain(value)} |`);
	return [
		`# ${plain(anomaly.text)}`,
		"",
		`- Severity: ${anomaly.severity}`,
		`- Rule: ${plain(anomaly.rule)}`,
		`- Found: ${plain(anomaly.value)}`,
		`- Expected: ${plain(anomaly.expected)}`,
		"",
		"## Observation",
		"",
		"| Field | Value |",
		"| --- | --- |",
		...fields,
		"",
	].join("\n");
}

export interface Deed {
	kind: string;
	target: string;
	state: "done" | "already-done" | "planned";
}

/** The page that says what was detected and what was done about it. */
export function renderLog(
	detected: Detected,
	alerted: readonly Anomaly[],
	deeds: readonly Deed[],
	now: number,
): string {
	const total =
		Object.values(detected.counts ?? {}).reduce((sum, count) => sum + count, 0) || detected.anomalies.length;
	const lines = ["# Automation log", "", `Written ${new Date(now).toISOString()}.`, "", "## Detected", ""];
	const checked = detected.checked === undefined ? "" : ` among ${detected.checked} observations`;
	lines.push(`${total} ${total === 1 ? "anomaly" : "anomalies"}${checked}.`, "");
	const counts = Object.entries(detected.counts ?? {});
	if (counts.length > 0) {
		lines.push("| Rule | Anomalies |", "| --- | ---: |");
		for (const [rule, count] of counts) lines.push(`| ${plain(rule)} | ${count} |`);
		lines.push("");
	}
	for (const { severity, text, id } of alerted) lines.push(`- **${severity}** ${plain(text)} (\`${plain(id)}\`)`);
	if (alerted.length > 0) lines.push("");
	if (alerted.length < total)
		lines.push(`${total - alerted.length} more were left out: repeated, or less severe than these.`, "");
	for (const note of detected.notes ?? []) lines.push(`Note: ${plain(note)}.`, "");
	lines.push("## Done", "");
	if (deeds.length === 0) lines.push("Nothing was to be done.");
	const alike = Map.groupBy(
		deeds,
		({ kind, target, state }) => `- ${state.replace("-", " ")}: ${kind} ${plain(target)}`,
	);
	for (const [line, { length }] of alike) lines.push(length === 1 ? line : `${line} (${length} times)`);
	return `${lines.join("\n")}\n`;
}

/** Observations come from outside: nothing in them may become markup, a new line, or turn the text around. */
function plain(value: Json): string {
	const text = typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);
	return text
		.slice(0, 2_000)
		.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
		.replace(/[\\`*_[\]<>|#]/g, (character) => (character === "<" ? "&lt;" : `\\${character}`));
}
